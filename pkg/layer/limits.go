package layer

import "fmt"

// What AWS allows.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const (
	MaxZip      = 50 << 20  // bytes of a zip that is uploaded directly; from S3 it may be larger
	MaxUnzipped = 250 << 20 // bytes of all layers and the function's code together, unzipped
	MaxLayers   = 5         // of one function
)

// What a zip can say without the zip64 extension, which AWS promises nothing about.
const (
	maxEntries = 1<<16 - 2
	maxFile    = 1<<32 - 2
)

// A LimitError is a limit that a layer breaks.
type LimitError struct {
	What        string // what is too large
	Size, Limit int64
	Unit        string
	Fix         string
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: %d %s, and the limit is %d", e.What, e.Size, e.Unit, e.Limit)
}

package event

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strings"
)

// MaxRecords is how many records an event can have at most: a batch of SQS, Kinesis, DynamoDB or Kafka.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html
const MaxRecords = 10000

// identities are the names of what no two records share.
var identities = map[string]bool{
	"messageId": true, "MessageId": true, "messageID": true, "receiptHandle": true, "MessageDeduplicationId": true,
	"eventID": true, "eventId": true, "id": true, "taskId": true, "recordId": true,
	"sequenceNumber": true, "SequenceNumber": true, "sequencer": true, "offset": true, "x-amz-request-id": true,
	"_data": true, "$oid": true,
}

// repeat gives the tree with count records: those that it has, again and again, each with identities of its own.
func (s Sample) repeat(tree any, count int) (any, error) {
	if s.records == "" {
		return nil, fmt.Errorf("%s is one event and has no records to repeat", s)
	}
	if count < 1 || count > MaxRecords {
		return nil, fmt.Errorf("%d records are not possible: an event has 1 to %d", count, MaxRecords)
	}
	edit := func(value any) (any, error) {
		list, ok := value.([]any)
		if !ok || len(list) == 0 {
			return nil, fmt.Errorf("%s of the sample %s is no list of records", s.records, s)
		}
		repeated := make([]any, count)
		for i := range repeated {
			by := int64(i - i%len(list))
			repeated[i] = walk(clone(list[i%len(list)]), "", func(name string, leaf any) any {
				if !identities[name] {
					return leaf
				}
				return following(leaf, by)
			})
		}
		return repeated, nil
	}
	if s.records == "$" {
		return edit(tree)
	}
	return change(tree, s.records, edit)
}

var (
	hexadecimal = regexp.MustCompile(`^[0-9a-fA-F-]*[a-fA-F-][0-9a-fA-F-]*$`)
	lastHex     = regexp.MustCompile(`[0-9a-fA-F]{1,12}$`)
	lastDigits  = regexp.MustCompile(`[0-9]+$`)
)

// following gives the identity that is so many further: numbers, and texts that end in one, count on.
func following(identity any, by int64) any {
	if by == 0 {
		return identity
	}
	switch v := identity.(type) {
	case json.Number:
		return json.Number(counted(v.String(), 10, by))
	case string:
		digits, base := lastDigits, 10
		if len(v) >= 16 && hexadecimal.MatchString(v) {
			digits, base = lastHex, 16
		}
		end := digits.FindString(v)
		return strings.TrimSuffix(v, end) + counted(end, base, by)
	}
	return identity
}

// counted adds to a number, which keeps its leading zeros and the case of its letters.
func counted(number string, base int, by int64) string {
	sum := new(big.Int)
	sum.SetString("0"+number, base)
	sum.Add(sum, big.NewInt(by))
	text := sum.Text(base)
	if strings.ToUpper(number) == number {
		text = strings.ToUpper(text)
	}
	if missing := len(number) - len(text); missing > 0 {
		text = strings.Repeat("0", missing) + text
	}
	return text
}

package carried

//go:generate go run ./pack -arch amd64,arm64

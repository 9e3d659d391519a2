package invokeapi

// The event-stream encoding, in which AWS's clients read a response stream: messages of headers and a payload, with their
// lengths before and checksums after. https://smithy.io/2.0/aws/amazon-eventstream.html

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
)

// contentTypeEventStream is the type of such a stream.
const contentTypeEventStream = "application/vnd.amazon.eventstream"

// mostMessagePayload bounds the payload of a message that is made here, in bytes.
const mostMessagePayload = 64 * 1024

// headerString is the type of a header whose value is a string.
const headerString = 7

// message encodes an event: its type, the type of its payload, and the payload.
func message(eventType, contentType string, payload []byte) []byte {
	var headers []byte
	for _, pair := range [][2]string{{":message-type", "event"}, {":event-type", eventType}, {":content-type", contentType}} {
		headers = append(headers, byte(len(pair[0])))
		headers = append(headers, pair[0]...)
		headers = append(headers, headerString)
		headers = binary.BigEndian.AppendUint16(headers, uint16(len(pair[1])))
		headers = append(headers, pair[1]...)
	}
	const frame = 16 // two lengths, two checksums
	m := binary.BigEndian.AppendUint32(nil, uint32(frame+len(headers)+len(payload)))
	m = binary.BigEndian.AppendUint32(m, uint32(len(headers)))
	m = binary.BigEndian.AppendUint32(m, crc32.ChecksumIEEE(m))
	m = slices.Concat(m, headers, payload)
	return binary.BigEndian.AppendUint32(m, crc32.ChecksumIEEE(m))
}

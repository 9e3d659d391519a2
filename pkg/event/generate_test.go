package event_test

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/pkg/event"
)

func generate(t *testing.T, sample string, e event.Edit) (data []byte, novelties []event.Novelty) {
	t.Helper()
	service, name, _ := strings.Cut(sample, " ")
	data, novelties, err := find(t, service, name).Generate(e)
	if err != nil {
		t.Fatal(err)
	}
	return data, novelties
}

// assignments reads lines of PATH=VALUE; with a : before it, the value is a string whatever it looks like.
func assignments(t *testing.T, lines ...string) (list []event.Assignment) {
	t.Helper()
	for _, line := range lines {
		text, isString := strings.CutPrefix(line, ":")
		a, err := event.ParseAssignment(text, isString)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, a)
	}
	return list
}

// TestGenerateNothing: without edits each sample comes as it is stored, its names in their order, and the same each time.
func TestGenerateNothing(t *testing.T) {
	for _, s := range event.Samples() {
		data, novelties, err := s.Generate(event.Edit{})
		if err != nil || novelties != nil {
			t.Errorf("%s: %v, %v", s, novelties, err)
			continue
		}
		var stored bytes.Buffer
		if err := json.Compact(&stored, content(t, s)); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), "H4sI") {
			continue // compressed anew: TestPacked
		}
		if diff := cmp.Diff(stored.String(), string(data)); diff != "" {
			t.Errorf("%s: %s", s, diff)
		}
	}
}

// TestOptions: each option of each sample has a default that is what the sample has, and changes something.
func TestOptions(t *testing.T) {
	for _, s := range event.Samples() {
		options, err := s.Options()
		if err != nil {
			t.Fatal(err)
		}
		plain, _ := generate(t, s.String(), event.Edit{})
		seen := map[string]bool{}
		for _, o := range options {
			if seen[o.Name] || o.About == "" {
				t.Errorf("%s --%s: it is there twice, or nothing is said about it", s, o.Name)
			}
			seen[o.Name] = true
			same, _ := generate(t, s.String(), event.Edit{Options: map[string]string{o.Name: o.Default}})
			if !bytes.Equal(same, plain) && !bytes.Contains(plain, []byte("H4sI")) { // log lines differ, compressors too
				t.Errorf("%s --%s %q is the default and changes the event:\n%s\n%s", s, o.Name, o.Default, same, plain)
			}
			other, _ := generate(t, s.String(), event.Edit{Options: map[string]string{o.Name: "chosen-value"}})
			if bytes.Equal(other, plain) || !json.Valid(other) {
				t.Errorf("%s --%s changes nothing, or makes no JSON: %s", s, o.Name, other)
			}
		}
	}
	_, _, err := find(t, "s3", "put").Generate(event.Edit{Options: map[string]string{"queue-name": "q"}})
	if err == nil || err.Error() != "s3 put has no option queue-name" {
		t.Error(err)
	}
}

// TestBytes: what is no text goes where bytes are encoded, and nowhere else.
func TestBytes(t *testing.T) {
	for sample, option := range map[string]string{"sqs receive-message": "body", "s3 put": "bucket", "eventbridge custom": "detail", "cloudwatch logs": "message"} {
		service, name, _ := strings.Cut(sample, " ")
		_, _, err := find(t, service, name).Generate(event.Edit{Options: map[string]string{option: "\xff"}})
		if want := "option " + option + ": the value is no UTF-8, and " + sample + " carries it as text"; err == nil || err.Error() != want {
			t.Errorf("%s --%s: %v", sample, option, err)
		}
	}
}

// TestOptionsOfSAM: who comes from `sam local generate-event` finds its options under their names.
func TestOptionsOfSAM(t *testing.T) {
	const everywhere = "account-id partition region"
	for pattern, names := range map[string]string{
		"alexa-skills-kit/*": "session-id user-id application-id request-id", "alb/request": "body method path account-id dns-suffix",
		"apigateway/authorizer": everywhere + " stage method resource restApiId", "apigateway/request-authorizer": everywhere + " stage method resource restApiId",
		"apigateway/aws-proxy":      "body stage method resource path querystringparameters account-id dns-suffix",
		"apigateway/http-api-proxy": "body stage method path account-id dns-suffix", "cloudformation/create-request": everywhere + " stack",
		"cloudfront/[ahnrs]*": "uri method", "cloudfront/modify-querystring": "uri method", "codecommit/repository": everywhere + " repository trigger custom-data",
		"codepipeline/job": "account-id input-bucket input-key output-bucket output-key", "cognito/sync-trigger": "region", "config/*": everywhere,
		"connect/contact-flow-event": everywhere + " contact-id phone-number", "dynamodb/update": everywhere + " table", "cloudwatch/scheduled-event": everywhere + " rule",
		"kinesis/get-records": "region partition sequence data partition-key", "kinesis/kinesis-firehose": "partition region data",
		"kinesis/analytics": everywhere + " application stream data", "kinesis/analytics-compressed": everywhere + " application stream data",
		"kinesis/analytics-dynamodb": everywhere + " application stream data", "kinesis/analytics-kpl": everywhere + " application stream",
		"kinesis/apachelog": "region data", "kinesis/cloudwatch-logs-processor": everywhere, "kinesis/streams-as-source": "partition region partition-key data sequence",
		"kinesis/syslog": "region data", "rekognition/s3-request": "region partition bucket key", "s3/batch-invocation": "bucket-arn key", "s3/delete": "region partition bucket key",
		"s3/put": "region partition bucket key", "sagemaker/ground-truth-pre-human": everywhere + " source-ref labeling-job-name",
		"sagemaker/ground-truth-annotation-consolidation": everywhere + " labeling-job-name label-attribute-name s3-output-path execution-role",
		"ses/email-receiving":                             everywhere + " dns-suffix", "sns/notification": everywhere + " topic subject message", "sqs/receive-message": everywhere + " queue-name body",
		"stepfunctions/error": "error cause", "workmail/email": "flow-direction mail-from sender",
	} {
		for _, s := range matching(t, pattern) {
			options, err := s.Options()
			if err != nil {
				t.Fatal(err)
			}
			for name := range strings.FieldsSeq(names) {
				if !slices.ContainsFunc(options, func(o event.Option) bool { return o.Name == name }) {
					t.Errorf("%s has no option --%s", s, name)
				}
			}
		}
	}
}

// TestOptionsPut: where options go.
func TestOptionsPut(t *testing.T) {
	sum := md5.Sum([]byte("hé"))
	for _, test := range []struct {
		sample  string
		options string // NAME=VALUE|NAME=VALUE
		want    map[string]string
	}{
		{"s3 put", "bucket=us-east-1-b|key=a b/c&d|region=eu-west-1", map[string]string{
			"Records[0].s3.bucket.name": `"us-east-1-b"`, "Records[0].s3.bucket.arn": `"arn:aws:s3:::us-east-1-b"`,
			"Records[0].s3.object.key": `"a+b/c%26d"`, "Records[0].awsRegion": `"eu-west-1"`,
		}},
		{"s3 batch-invocation", "bucket-arn=arn:aws:s3:::b", map[string]string{"tasks[0].s3BucketArn": `"arn:aws:s3:::b"`}},
		{"sqs receive-message", "body=hé|queue-name=q|account-id=111111111111", map[string]string{
			"Records[0].body": `"hé"`, "Records[0].md5OfBody": `"` + hex.EncodeToString(sum[:]) + `"`, "Records[0].eventSourceARN": `"arn:aws:sqs:us-east-1:111111111111:q"`,
		}},
		{"sns notification", "topic=t|message=m|subject=s|partition=aws-cn", map[string]string{
			"Records[0].Sns.Message": `"m"`, "Records[0].Sns.Subject": `"s"`, "Records[0].Sns.TopicArn": `"arn:aws-cn:sns:us-east-1:012345678912:t"`,
		}},
		{"kinesis get-records", "data=hi|partition-key=k", map[string]string{"Records[0].kinesis.data": `"aGk="`, "Records[0].kinesis.partitionKey": `"k"`}},
		{"kinesis kinesis-firehose", "data=\xff\x00", map[string]string{"records[0].data": `"/wA="`}},
		{"kafka msk", "topic=a.b|value=hi", map[string]string{"records.a.b-0[0].topic": `"a.b"`, "records.a.b-0[0].value": `"aGk="`}},
		{"mq rabbitmq", "queue-name=q|data=hi", map[string]string{"rmqMessagesByQueue.q::/[0].data": `"aGk="`}},
		{"eventbridge custom", `detail={"a":1}|detail-type=T|source=s`, map[string]string{"detail.a": "1", "detail-type": `"T"`, "source": `"s"`}},
		{"eventbridge custom", `detail=text`, map[string]string{"detail": `"text"`}},
		{"apigateway aws-proxy", "method=PUT|path=/x|stage=dev|body=hi", map[string]string{
			"httpMethod": `"PUT"`, "path": `"/x"`, "pathParameters.proxy": `"x"`, "requestContext.path": `"/dev/x"`, "requestContext.stage": `"dev"`, "body": `"hi"`, "isBase64Encoded": "false",
		}},
		{"apigateway http-api-proxy", "method=PUT|path=x|stage=dev|body=\xff", map[string]string{
			"requestContext.http.method": `"PUT"`, "rawPath": `"/dev/x"`, "requestContext.http.path": `"/dev/x"`, "requestContext.stage": `"dev"`,
			"routeKey": `"$default"`, "body": `"/w=="`, "isBase64Encoded": "true", "headers.content-length": `"1"`,
		}},
		{"apigateway aws-proxy", `querystringparameters={"q":"two","n":"1"}`, map[string]string{
			"queryStringParameters.n": `"1"`, "multiValueQueryStringParameters.n[0]": `"1"`, "multiValueQueryStringParameters.q[0]": `"one"`, "multiValueQueryStringParameters.q[1]": `"two"`,
		}},
		{"apigateway aws-proxy", `querystringparameters={"q":"three"}`, map[string]string{"queryStringParameters.q": `"three"`, "multiValueQueryStringParameters.q[0]": `"three"`}},
		{"apigateway aws-proxy", "querystringparameters=null", map[string]string{"queryStringParameters.q": "", "multiValueQueryStringParameters.q[0]": ""}},
		{"apigateway authorizer", "resource=/x|restApiId=id", map[string]string{"methodArn": `"arn:aws:execute-api:us-east-1:012345678912:id/prod/POST/x"`}},
		{"eventbridge pipe", "body=hé|queue-name=q", map[string]string{
			"[0].body": `"hé"`, "[0].md5OfBody": `"` + hex.EncodeToString(sum[:]) + `"`, "[0].eventSourceARN": `"arn:aws:sqs:us-east-1:012345678912:q"`,
		}},
		{"bedrock agent-function", `function=f|parameters=[{"name":"n","type":"string","value":"v"}]`, map[string]string{"function": `"f"`, "parameters[0].value": `"v"`}},
		{"ses email-receiving", "dns-suffix=eu-west-1.amazonaws.com|from=me@example.com", map[string]string{
			"Records[0].ses.mail.headers[0].value": `"from mail.example.com ([203.0.113.10]) by inbound-smtp.eu-west-1.amazonaws.com with SMTP id e7q1nbt4hd92kc0m5v8xw3za6rj1fpglo2ys0001 for grace@example.com; Fri, 2 Jan 2026 03:04:05 +0000 (UTC)"`,
		}},
		{"vpc-lattice v1", "body=\xff|path=/x", map[string]string{"is_base64_encoded": "true", "raw_path": `"/x?q=one"`}},
		{"cloudformation create-request", "stack=S", map[string]string{"StackId": `"arn:aws:cloudformation:us-east-1:012345678912:stack/S/6f1c0a52-3b7d-4e8f-9a10-5c2d7e6b0001"`}},
	} {
		options := map[string]string{}
		for pair := range strings.SplitSeq(test.options, "|") {
			name, value, _ := strings.Cut(pair, "=")
			options[name] = value
		}
		data, _ := generate(t, test.sample, event.Edit{Options: options})
		got := leaves(t, data)
		for path, want := range test.want {
			if got[path] != want {
				t.Errorf("%s %s: %s is %s, want %s", test.sample, test.options, path, got[path], want)
			}
		}
	}
}

func unzipped(t *testing.T, packed string) string {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString(packed)
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if data, err = io.ReadAll(r); err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestPacked: log events are edited where they are, inside of what is compressed.
func TestPacked(t *testing.T) {
	data, novelties := generate(t, "cloudwatch logs", event.Edit{
		Options: map[string]string{"message": "hi", "log-group": "/g"}, Count: 3,
		Set: assignments(t, "awslogs.data.logEvents[2].message=last", "awslogs.data.owner=:x"),
	})
	if novelties != nil {
		t.Error(novelties)
	}
	var logs struct{ Awslogs struct{ Data string } }
	if err := json.Unmarshal(data, &logs); err != nil {
		t.Fatal(err)
	}
	got := leaves(t, []byte(unzipped(t, logs.Awslogs.Data)))
	for path, want := range map[string]string{"logGroup": `"/g"`, "owner": `":x"`, "logEvents[0].message": `"hi"`, "logEvents[2].message": `"last"`} {
		if got[path] != want {
			t.Errorf("%s is %s, want %s", path, got[path], want)
		}
	}
	if got["logEvents[0].id"] == got["logEvents[2].id"] {
		t.Error("two log events have one ID")
	}
	data, _ = generate(t, "cloudwatch logs", event.Edit{Set: assignments(t, "awslogs.data=mine")})
	if string(data) != `{"awslogs":{"data":"mine"}}` {
		t.Errorf("%s", data)
	}
}

// TestReadable: what is base64 in the samples is the base64 of something, and what is compressed decompresses.
func TestReadable(t *testing.T) {
	found := 0
	for _, s := range event.Samples() {
		for path, value := range leaves(t, content(t, s)) {
			name := path[strings.LastIndexByte(path, '.')+1:]
			text := strings.Trim(value, `"`)
			if name != "data" && name != "value" && name != "key" || !slices.Contains([]string{"kinesis", "kafka", "mq", "firehose"}, s.Service) && s.String() != "cloudwatch logs" {
				continue
			}
			found++
			if strings.HasPrefix(text, "H4sI") {
				if !json.Valid([]byte(unzipped(t, text))) {
					t.Errorf("%s: %s is no compressed JSON", s, path)
				}
			} else if data, err := base64.StdEncoding.DecodeString(text); err != nil || len(data) == 0 {
				t.Errorf("%s: %s is no base64: %v", s, path, err)
			}
		}
	}
	if found < 15 {
		t.Errorf("%d values in base64 were found; there are 15 at least", found)
	}
}

func TestSet(t *testing.T) {
	const in = `{"b":{"x":1},"a":[{"n":1},{"n":2}],"big":12345678901234567890,"html":"<&>"}`
	for _, test := range []struct{ set, want string }{
		{"b.x=2", `{"b":{"x":2},"a":[{"n":1},{"n":2}],"big":12345678901234567890,"html":"<&>"}`},
		{"b=text", `{"b":"text","a":[{"n":1},{"n":2}],"big":12345678901234567890,"html":"<&>"}`},
		{"b=", `{"b":"","a":[{"n":1},{"n":2}],"big":12345678901234567890,"html":"<&>"}`},
		{":b=7", `{"b":"7","a":[{"n":1},{"n":2}],"big":12345678901234567890,"html":"<&>"}`},
		{`b={"y":1.50,"x":null} `, `{"b":{"y":1.50,"x":null},"a":[{"n":1},{"n":2}],"big":12345678901234567890,"html":"<&>"}`},
		{"a[1].n=x=y", `{"b":{"x":1},"a":[{"n":1},{"n":"x=y"}],"big":12345678901234567890,"html":"<&>"}`},
		{"a[*].n=0", `{"b":{"x":1},"a":[{"n":0},{"n":0}],"big":12345678901234567890,"html":"<&>"}`},
		{"a[2].m[0]=0", `{"b":{"x":1},"a":[{"n":1},{"n":2},{"m":[0]}],"big":12345678901234567890,"html":"<&>"}`},
		{`b["c d.e"]["=\""]=0`, `{"b":{"x":1,"c d.e":{"=\"":0}},"a":[{"n":1},{"n":2}],"big":12345678901234567890,"html":"<&>"}`},
		{"a=[]", `{"b":{"x":1},"a":[],"big":12345678901234567890,"html":"<&>"}`},
	} {
		got, _, err := event.Set([]byte(in), assignments(t, test.set))
		if err != nil || string(got) != test.want {
			t.Errorf("%s: got %s, %v, want %s", test.set, got, err, test.want)
		}
	}
	got, novelties, err := event.Set([]byte(in), assignments(t, "b.y.z=1"))
	want := []event.Novelty{{Place: "b", Name: "y", Others: []string{"x"}}}
	if diff := cmp.Diff(want, novelties); diff != "" || err != nil {
		t.Errorf("%s %v %s", got, err, diff)
	}
	if got, _, err := event.Set([]byte("not parsed"), nil); string(got) != "not parsed" || err != nil {
		t.Errorf("nothing to set: %s, %v", got, err)
	}
}

func TestImpossiblePaths(t *testing.T) {
	const in = `{"s":"text","o":{"x":1},"l":[{"n":1}]}`
	for _, test := range []struct{ set, want, place, instead string }{
		{"s.x=1", "path s.x: s is a string, and has no x", "s", ""},
		{"o[0]=1", "path o[0]: o is an object, and has no [0]; its names: x", "o", ""},
		{"l.n=1", "path l.n: l is a list of 1; say which: l[0]", "l", "l[0].n"},
		{"l[2].n=1", "path l[2].n: l is a list of 1, and the next would be [1]", "l", ""},
		{"[0]=1", "path [0]: the event is an object, and has no [0]; its names: s, o, l", "", ""},
		{"o.x.y.z=1", "path o.x.y.z: o.x is a number, and has no y", "o.x", ""},
	} {
		_, _, err := event.Set([]byte(in), assignments(t, test.set))
		wrong, ok := errors.AsType[*event.PathError](err)
		if !ok || err.Error() != test.want || wrong.Place != test.place || wrong.Instead != test.instead {
			t.Errorf("%s: %v, %+v", test.set, err, wrong)
		}
	}
	for text, want := range map[string]string{
		"a":               "a has no value: PATH=VALUE is needed",
		"=1":              "path =1: it is empty",
		"a..b=1":          `path a..b=1: a name is missing before ".b=1"`,
		"a[b]=1":          `path a[b]=1: [b] is no index; a name that is none of letters goes in quotes: ["b"]`,
		"a[-1]=1":         `path a[-1]=1: [-1] is no index; a name that is none of letters goes in quotes: ["-1"]`,
		"a[0=1":           "path a[0=1: a ] is missing after [0=1",
		`a["x"=1`:         `path a["x"=1: a ] is missing after ["x"`,
		"a[0]b=1":         `path a[0]b=1: a . or a [ is needed before "b=1"`,
		"a.[0]=1":         `path a.[0]=1: a name is missing before "[0]=1"`,
		"":                "path : it is empty",
		"a=\xff":          `"a=\xff" is no UTF-8, which is all that JSON carries`,
		"a[9999999999]=1": `path a[9999999999]=1: [9999999999] is no index; a name that is none of letters goes in quotes: ["9999999999"]`,
	} {
		if _, err := event.ParseAssignment(text, false); err == nil || err.Error() != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestCount: each record has identities of its own, all else as the sample; whatever the number, the event is decoded again.
func TestCount(t *testing.T) {
	repeatable := 0
	for _, s := range event.Samples() {
		data, _, err := s.Generate(event.Edit{Count: 250})
		if err != nil {
			if want := s.String() + " is one event and has no records to repeat"; err.Error() != want {
				t.Errorf("%s: %v", s, err)
			}
			continue
		}
		repeatable++
		if strings.Contains(string(data), "H4sI") && s.Service == "cloudwatch" {
			continue // TestPacked
		}
		seen := map[string]string{}
		for path, value := range leaves(t, data) {
			for _, name := range []string{"messageId", "MessageId", "messageID", "receiptHandle", "eventID", "eventId", "recordId", "sequencer", "offset", "taskId", "_data", "id"} {
				if !strings.HasSuffix(path, "."+name) {
					continue
				}
				if other, ok := seen[name+value]; ok {
					t.Errorf("%s: %s and %s are both %s", s, path, other, value)
				}
				seen[name+value] = path
			}
		}
		if len(seen) < 250 {
			t.Errorf("%s: %d identities of 250 records", s, len(seen))
		}
	}
	if repeatable < 25 {
		t.Errorf("%d samples have records; 25 at least are meant", repeatable)
	}
	for _, count := range []int{-1, event.MaxRecords + 1} {
		if _, _, err := find(t, "sqs", "receive-message").Generate(event.Edit{Count: count}); err == nil {
			t.Errorf("%d records are possible", count)
		}
	}
	data, _ := generate(t, "sqs receive-message", event.Edit{Count: 2, Set: assignments(t, "Records[1].body=x")})
	sum := md5.Sum([]byte("x"))
	if got := leaves(t, data)["Records[1].md5OfBody"]; got != fmt.Sprintf("%q", hex.EncodeToString(sum[:])) {
		t.Errorf("the digest of a body that was set is %s", got)
	}
	data, _ = generate(t, "sqs receive-message", event.Edit{Set: assignments(t, "Records[0].md5OfBody=wrong")})
	if got := leaves(t, data)["Records[0].md5OfBody"]; got != `"wrong"` {
		t.Errorf("a digest that was set is %s", got)
	}
}

// TestSetInOrder: an assignment sees what the ones before it made, whatever comes after.
func TestSetInOrder(t *testing.T) {
	data, _ := generate(t, "sqs receive-message", event.Edit{Set: assignments(t, "Records[0].x.y=1", "Records[0].x=text", `Records[1]={"body":"b","md5OfBody":"mine"}`)})
	got := leaves(t, data)
	for path, want := range map[string]string{"Records[0].x": `"text"`, "Records[1].md5OfBody": `"mine"`} {
		if got[path] != want {
			t.Errorf("%s is %s, want %s", path, got[path], want)
		}
	}
}

// TestNow: all times move together, in the spelling that they have, and nothing else does.
func TestNow(t *testing.T) {
	now := time.Date(2031, time.December, 24, 18, 0, 0, 0, time.UTC)
	for _, s := range event.Samples() {
		data, _, err := s.Generate(event.Edit{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		for path, value := range leaves(t, data) {
			if strings.Contains(value, "2026-01-02") && !strings.Contains(path, "Last-Modified") && path != "Records[0].cf.response.headers.x-amz-meta-last-modified[0].value" ||
				strings.Contains(value, "17673") && !strings.Contains(path, "invokingEvent") && path != "messages[0].messageID" || strings.Contains(value, "Jan 2026") {
				t.Errorf("%s: %s is still %s", s, path, value)
			}
		}
	}
	data, _ := generate(t, "kinesis get-records", event.Edit{Now: now})
	if got := leaves(t, data)["Records[0].kinesis.approximateArrivalTimestamp"]; got != "1.955901600678e+09" {
		t.Errorf("the record came at %s", got)
	}
	data, _ = generate(t, "s3 put", event.Edit{Now: now})
	if got := leaves(t, data)["Records[0].eventTime"]; got != `"2031-12-24T18:00:00.678Z"` {
		t.Errorf("the object was put at %s", got)
	}
}

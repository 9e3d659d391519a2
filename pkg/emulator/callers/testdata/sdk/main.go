// A caller on AWS's SDK for Go. It reads what to ask, a JSON object, on stdin, and says what it heard on stdout, a JSON object
// a line: one for each chunk of a stream as it comes, and at the end the answer. caller_test.go has both shapes.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
)

type ask struct {
	Endpoint, Function, Type, Qualifier, ClientContext, Tenant string
	Tail, Stream                                               bool
	Payload                                                    []byte
}

type answer struct {
	Chunk         string `json:",omitempty"`
	Status        int
	FunctionError string
	Version       string
	Payload       []byte
	Log           string
	RequestID     string
	Code, Message string
	Reason        string
}

func main() {
	var a ask
	if err := json.NewDecoder(os.Stdin).Decode(&a); err != nil {
		log.Fatal(err)
	}
	client := lambda.New(lambda.Options{
		BaseEndpoint: aws.String(a.Endpoint), Region: "us-east-1", RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	})
	call := invoke
	if a.Stream {
		call = stream
	}
	result, err := call(context.Background(), client, a)
	if err != nil {
		result = failure(err)
	}
	say(result)
}

func say(result answer) {
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		log.Fatal(err)
	}
}

func invoke(ctx context.Context, client *lambda.Client, a ask) (answer, error) {
	input := &lambda.InvokeInput{
		FunctionName: &a.Function, InvocationType: types.InvocationType(a.Type), Payload: a.Payload,
		Qualifier: optional(a.Qualifier), ClientContext: optional(a.ClientContext), TenantId: optional(a.Tenant),
	}
	if a.Tail {
		input.LogType = types.LogTypeTail
	}
	out, err := client.Invoke(ctx, input)
	if err != nil {
		return answer{}, err
	}
	id, _ := awsmiddleware.GetRequestIDMetadata(out.ResultMetadata)
	return answer{
		Status: int(out.StatusCode), FunctionError: aws.ToString(out.FunctionError), Version: aws.ToString(out.ExecutedVersion),
		Payload: out.Payload, Log: decoded(aws.ToString(out.LogResult)), RequestID: id,
	}, nil
}

func stream(ctx context.Context, client *lambda.Client, a ask) (answer, error) {
	input := &lambda.InvokeWithResponseStreamInput{
		FunctionName: &a.Function, Payload: a.Payload, Qualifier: optional(a.Qualifier),
		ClientContext: optional(a.ClientContext), TenantId: optional(a.Tenant),
	}
	if a.Tail {
		input.LogType = types.LogTypeTail
	}
	if a.Type != "" {
		input.InvocationType = types.ResponseStreamingInvocationType(a.Type)
	}
	out, err := client.InvokeWithResponseStream(ctx, input)
	if err != nil {
		return answer{}, err
	}
	id, _ := awsmiddleware.GetRequestIDMetadata(out.ResultMetadata)
	result := answer{Status: int(out.StatusCode), Version: aws.ToString(out.ExecutedVersion), RequestID: id}
	events := out.GetStream()
	defer events.Close()
	for event := range events.Events() {
		switch event := event.(type) {
		case *types.InvokeWithResponseStreamResponseEventMemberPayloadChunk:
			result.Payload = append(result.Payload, event.Value.Payload...)
			say(answer{Chunk: string(event.Value.Payload)})
		case *types.InvokeWithResponseStreamResponseEventMemberInvokeComplete:
			result.Code, result.Message = aws.ToString(event.Value.ErrorCode), aws.ToString(event.Value.ErrorDetails)
			result.Log = decoded(aws.ToString(event.Value.LogResult))
		}
	}
	return result, events.Err()
}

// failure is what the SDK makes of an error of the API.
func failure(err error) answer {
	var api smithy.APIError
	if !errors.As(err, &api) {
		log.Fatal(err)
	}
	result := answer{Code: api.ErrorCode(), Message: api.ErrorMessage()}
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		result.Status, result.RequestID = response.HTTPStatusCode(), response.ServiceRequestID()
	}
	var throttled *types.TooManyRequestsException
	if errors.As(err, &throttled) {
		result.Reason = string(throttled.Reason)
	}
	return result
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func decoded(s string) string {
	text, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		log.Fatal(err)
	}
	return string(text)
}

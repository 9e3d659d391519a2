package event_test

import (
	order "cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/pkg/event"
)

func find(t *testing.T, service, name string) event.Sample {
	t.Helper()
	s, ok := event.Find(service, name)
	if !ok {
		t.Fatalf("there is no sample %s %s", service, name)
	}
	return s
}

func content(t *testing.T, s event.Sample) []byte {
	t.Helper()
	data, err := s.JSON()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestCatalogue: each file is in the catalogue and the other way round, in order, with a line about it.
func TestCatalogue(t *testing.T) {
	var stored, listed []string
	err := filepath.WalkDir("samples", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			stored = append(stored, strings.TrimSuffix(strings.TrimPrefix(filepath.ToSlash(name), "samples/"), ".json"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range event.Samples() {
		listed = append(listed, s.Service+"/"+s.Name)
		if s.About == "" || len(s.About) > 80 {
			t.Errorf("%s: a line about it is needed, %q", s, s.About)
		}
	}
	if !slices.IsSortedFunc(event.Samples(), func(a, b event.Sample) int {
		return order.Or(strings.Compare(a.Service, b.Service), strings.Compare(a.Name, b.Name))
	}) {
		t.Error("the catalogue is not in order")
	}
	slices.Sort(stored)
	slices.Sort(listed)
	if diff := cmp.Diff(stored, listed); diff != "" {
		t.Error(diff)
	}
}

// TestNamesOfSAM: who comes from `sam local generate-event` finds all 68 events under their names.
func TestNamesOfSAM(t *testing.T) {
	names := map[string]string{
		"alb": "request", "alexa-skills-kit": "end-session intent-answer intent-getnewfact intent-mycoloris intent-recipe start-session",
		"alexa-smart-home": "smart-home-control-turn-off-request smart-home-control-turn-on-request smart-home-discovery-request",
		"apigateway":       "authorizer request-authorizer aws-proxy http-api-proxy", "appsync": "resolver", "batch": "get-job submit-job", "cloudformation": "create-request",
		"cloudfront": "ab-test access-request-in-response http-redirect modify-querystring modify-response-header multiple-remote-calls-aggregate-response " +
			"normalize-querystring-to-improve-cache-hit redirect-on-viewer-country redirect-unauthenticated-users response-generation serve-object-on-viewer-device simple-remote-call",
		"cloudwatch": "logs scheduled-event", "codecommit": "repository", "codepipeline": "job", "cognito": "sync-trigger",
		"config": "item-change-notification oversized-item-change-notification periodic-rule", "connect": "contact-flow-event", "dynamodb": "update",
		"kinesis": "get-records kinesis-firehose analytics analytics-compressed analytics-dynamodb analytics-kpl apachelog cloudwatch-logs-processor streams-as-source syslog",
		"lex":     "book-car book-hotel make-appointment order-flowers", "lex-v2": "banking-bot book-car book-hotel", "rekognition": "s3-request",
		"s3": "batch-invocation delete put", "sagemaker": "ground-truth-pre-human ground-truth-annotation-consolidation", "ses": "email-receiving",
		"sns": "notification", "sqs": "receive-message", "stepfunctions": "error", "workmail": "email",
	}
	total := 0
	for service, list := range names {
		for name := range strings.FieldsSeq(list) {
			find(t, service, name)
			total++
		}
	}
	if total != 68 {
		t.Errorf("%d names are listed here; 68 are meant", total)
	}
}

// typed are the samples that aws-lambda-go has a type for, and what its type does not carry back, as paths with * for
// elements: what AWS's documentation has and the type has not, and what the type leaves out when it is empty.
var typed = []struct {
	samples string
	into    func() any
	lost    string
}{
	{"alb/request", as[events.ALBTargetGroupRequest], ""},
	{"apigateway/aws-proxy", as[events.APIGatewayProxyRequest], "isBase64Encoded"},
	{"apigateway/http-api-proxy", as[events.APIGatewayV2HTTPRequest], ""},
	{"apigateway/websocket-connect apigateway/websocket-message apigateway/websocket-disconnect", as[events.APIGatewayWebsocketProxyRequest], ""},
	{"apigateway/authorizer", as[events.APIGatewayCustomAuthorizerRequest], ""},
	{"apigateway/request-authorizer", as[events.APIGatewayCustomAuthorizerRequestTypeRequest], "requestContext.domainName requestContext.domainPrefix requestContext.extendedRequestId requestContext.identity.userAgent " +
		"requestContext.protocol requestContext.requestTime requestContext.requestTimeEpoch"},
	{"apigateway/http-api-authorizer", as[events.APIGatewayV2CustomAuthorizerV2Request], ""},
	{"lambda/function-url", as[events.LambdaFunctionURLRequest], "routeKey requestContext.routeKey requestContext.stage"},
	{"appsync/authorizer", as[events.AppSyncLambdaAuthorizerRequest], "requestHeaders.content-type"},
	{"autoscaling/*", as[events.AutoScalingEvent], ""},
	{"cloudwatch/logs", as[events.CloudwatchLogsEvent], ""},
	{"clientvpn/connect", as[events.ClientVPNConnectionHandlerRequest], ""},
	{"cloudwatch/scheduled-event cloudwatch/alarm-state-change eventbridge/c* eventbridge/e* eventbridge/scheduler ecs/* stepfunctions/status-change s3/eventbridge", as[events.EventBridgeEvent], ""},
	{"codebuild/*", as[events.CodeBuildEvent], ""},
	{"codecommit/*", as[events.CodeCommitEvent], "Records[*].eventTime"},
	{"codedeploy/state-change", as[events.CodeDeployEvent], ""},
	{"codepipeline/state-change", as[events.CodePipelineCloudWatchEvent], ""},
	{"codepipeline/job", as[events.CodePipelineJobEvent], ""},
	{"cognito/sync-trigger", as[events.CognitoEvent], ""},
	{"cognito/pre-signup", as[events.CognitoEventUserPoolsPreSignup], ""},
	{"cognito/post-confirmation", as[events.CognitoEventUserPoolsPostConfirmation], ""},
	{"cognito/pre-authentication", as[events.CognitoEventUserPoolsPreAuthentication], ""},
	{"cognito/post-authentication", as[events.CognitoEventUserPoolsPostAuthentication], ""},
	{"cognito/pre-token-generation", as[events.CognitoEventUserPoolsPreTokenGen], ""},
	{"cognito/pre-token-generation-v2", as[events.CognitoEventUserPoolsPreTokenGenV2_0], ""},
	{"cognito/custom-message", as[events.CognitoEventUserPoolsCustomMessage], "request.linkParameter"},
	{"cognito/inbound-federation", as[events.CognitoEventUserPoolsInboundFederation], ""},
	{"cognito/user-migration", as[events.CognitoEventUserPoolsMigrateUser], ""},
	{"cognito/define-auth-challenge", as[events.CognitoEventUserPoolsDefineAuthChallenge], ""},
	{"cognito/create-auth-challenge", as[events.CognitoEventUserPoolsCreateAuthChallenge], ""},
	{"cognito/verify-auth-challenge", as[events.CognitoEventUserPoolsVerifyAuthChallenge], ""},
	{"config/*", as[events.ConfigEvent], ""},
	{"connect/*", as[events.ConnectEvent], "Details.ContactData.LanguageCode"},
	{"dynamodb/update", as[events.DynamoDBEvent], ""},
	{"dynamodb/time-window", as[events.DynamoDBTimeWindowEvent], ""},
	{"ecr/image-action", as[events.ECRImageActionEvent], ""},
	{"ecr/scan", as[events.ECRScanEvent], ""},
	{"firehose/* kinesis/kinesis-firehose kinesis/apachelog kinesis/syslog kinesis/cloudwatch-logs-processor kinesis/streams-as-source", as[events.KinesisFirehoseEvent], ""},
	{"iot/button", as[events.IoTButtonEvent], ""},
	{"iot/one-click", as[events.IoTOneClickEvent], ""},
	{"iot/pre-provision-hook", as[events.IoTPreProvisionHookRequest], ""},
	{"iot/custom-authorizer", as[events.IoTCoreCustomAuthorizerRequest], ""},
	{"kafka/*", as[events.KafkaEvent], ""},
	{"kinesis/get-records", as[events.KinesisEvent], ""},
	{"kinesis/time-window", as[events.KinesisTimeWindowEvent], ""},
	{"lex/*", as[events.LexEvent], ""},
	{"mq/activemq", as[events.ActiveMQEvent], ""},
	{"mq/rabbitmq", as[events.RabbitMQEvent], ""},
	{"s3/put s3/delete rekognition/*", as[events.S3Event], ""},
	{"s3/test-event", as[events.S3TestEvent], ""},
	{"s3/batch-invocation", as[events.S3BatchJobEvent], ""},
	{"s3/batch-invocation-v2", as[events.S3BatchJobEventV2], ""},
	{"s3/object-lambda", as[events.S3ObjectLambdaEvent], ""},
	{"secretsmanager/*", as[events.SecretsManagerSecretRotationEvent], ""},
	{"ses/*", as[events.SimpleEmailEvent], ""},
	{"sns/*", as[events.SNSEvent], ""},
	{"sqs/*", as[events.SQSEvent], ""},
}

func as[T any]() any { return new(T) }

// TestTypes: what an aws-lambda-go function gets of a sample is what is in it.
func TestTypes(t *testing.T) {
	for _, test := range typed {
		for pattern := range strings.FieldsSeq(test.samples) {
			for _, s := range matching(t, pattern) {
				t.Run(s.String(), func(t *testing.T) {
					into := test.into()
					if err := json.Unmarshal(content(t, s), into); err != nil {
						t.Fatal(err)
					}
					back, err := json.Marshal(into)
					if err != nil {
						t.Fatal(err)
					}
					sample, round := leaves(t, content(t, s)), leaves(t, back)
					lost := map[string]bool{}
					for path, value := range sample {
						if got, ok := round[path]; !ok || got != value {
							lost[index.ReplaceAllString(path, "[*]")] = true
						}
					}
					for name := range strings.FieldsSeq(test.lost) {
						delete(lost, name)
					}
					for _, path := range slices.Sorted(maps.Keys(lost)) {
						t.Errorf("%s is lost", path)
					}
				})
			}
		}
	}
}

var index = regexp.MustCompile(`\[\d+\]`)

func matching(t *testing.T, pattern string) []event.Sample {
	t.Helper()
	var list []event.Sample
	for _, s := range event.Samples() {
		if ok, err := filepath.Match(pattern, s.Service+"/"+s.Name); err != nil {
			t.Fatal(err)
		} else if ok {
			list = append(list, s)
		}
	}
	if len(list) == 0 {
		t.Fatalf("no sample is %s", pattern)
	}
	return list
}

// leaves gives each value that holds no others by its path; null, as absent, is left out.
func leaves(t *testing.T, data []byte) map[string]string {
	t.Helper()
	found := map[string]string{}
	var walk func(path string, value any)
	walk = func(path string, value any) {
		switch v := value.(type) {
		case map[string]any:
			for name, inner := range v {
				walk(path+"."+name, inner)
			}
		case []any:
			for i, inner := range v {
				walk(fmt.Sprintf("%s[%d]", path, i), inner)
			}
		case nil:
		default:
			found[strings.TrimPrefix(path, ".")] = fmt.Sprintf("%#v", v)
		}
	}
	walk("", parsed(t, string(data)))
	return found
}

// TestPlaceholders: samples are of nobody's account, region or domain.
func TestPlaceholders(t *testing.T) {
	account := regexp.MustCompile(`[:"](\d{12})[:"]`)
	region := regexp.MustCompile(`\b(?:us|eu|ap|sa|ca)-(?:east|west|central|north|south|northeast|southeast)-\d\b`)
	for _, s := range event.Samples() {
		text := string(content(t, s))
		for _, match := range account.FindAllStringSubmatch(text, -1) {
			if match[1] != "012345678912" {
				t.Errorf("%s names the account %s", s, match[1])
			}
		}
		for _, match := range region.FindAllString(text, -1) {
			if match != "us-east-1" {
				t.Errorf("%s names the region %s", s, match)
			}
		}
	}
}

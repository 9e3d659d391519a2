package event

// The options of the samples, under the names that `sam local generate-event` gives them where it has them.

const (
	allSamples = "*/*"
	s3Samples  = "s3/* rekognition/s3-request"
	httpOne    = "apigateway/aws-proxy apigateway/request-authorizer apigateway/authorizer"
	httpTwo    = "apigateway/http-api-proxy apigateway/http-api-authorizer lambda/function-url"
	httpAll    = httpOne + " " + httpTwo + " alb/request vpc-lattice/*"
	httpBodies = "apigateway/aws-proxy apigateway/http-api-proxy lambda/function-url alb/request vpc-lattice/* apigateway/websocket-message"
	firehoses  = "kinesis/kinesis-firehose kinesis/streams-as-source kinesis/apachelog kinesis/syslog firehose/transform kinesis/analytics kinesis/analytics-dynamodb"
	streams    = "kinesis/get-records kinesis/time-window"
	events     = "eventbridge/c* eventbridge/e* cloudwatch/scheduled-event s3/eventbridge autoscaling/* codebuild/* ecr/* ecs/* */state-change */alarm-state-change */status-change"
	pools      = "cognito/pre-* cognito/post-* cognito/custom-* cognito/inbound-federation cognito/user-migration cognito/*-challenge"
	requestID  = "6f1c0a52-3b7d-4e8f-9a10-5c2d7e6b0001"
	sequence   = "49659710335874128801937465820193746502918374650291837122"
)

var choices = []choice{
	{samples: allSamples, name: "region", about: "region, wherever the event names it", like: "%s", initial: "us-east-1"},
	{samples: allSamples, name: "account-id", about: "account, wherever the event names it", like: "%s", initial: "012345678912"},
	{samples: allSamples, name: "partition", about: "partition of all ARNs", like: "arn:%s:", initial: "aws"},

	{samples: s3Samples + " sagemaker/* config/* transfer/workflow-step eventbridge/cloudtrail", name: "bucket", about: "bucket, and its ARN", like: "%s", initial: "example-bucket"},
	{samples: "s3/batch-invocation", name: "bucket-arn", about: "ARN of the bucket", paths: []string{"tasks[*].s3BucketArn"}},
	{samples: "s3/put s3/delete rekognition/s3-request", name: "key", about: "key of the object; percent-encoded in the event, as S3 does", paths: []string{"Records[*].s3.object.key"}, encoding: urlKey},
	{samples: "s3/batch-invocation s3/batch-invocation-v2", name: "key", about: "key of the object; percent-encoded in the event, as S3 does", paths: []string{"tasks[*].s3Key"}, encoding: urlKey},
	{samples: "s3/eventbridge s3/object-lambda transfer/workflow-step", name: "key", about: "key of the object", like: "%s", initial: "test/key.txt"},

	{samples: "sqs/*", name: "body", about: "body of each message; md5OfBody follows", paths: []string{"Records[*].body"}},
	{samples: "eventbridge/pipe", name: "body", about: "body of each message; md5OfBody follows", paths: []string{"[*].body"}},
	{samples: "sqs/* eventbridge/pipe", name: "queue-name", about: "name of the queue", like: "%s", initial: "example-queue"},
	{samples: "sns/*", name: "message", about: "message", paths: []string{"Records[*].Sns.Message"}},
	{samples: "sns/*", name: "subject", about: "subject", paths: []string{"Records[*].Sns.Subject"}},
	{samples: "sns/*", name: "topic", about: "name of the topic", like: "%s", initial: "example-topic"},
	{samples: "dynamodb/*", name: "table", about: "name of the table", like: "%s", initial: "example-table"},

	{samples: streams, name: "data", about: "data of each record; base64 in the event", paths: []string{"Records[*].kinesis.data"}, encoding: inBase64},
	{samples: streams + " kinesis/streams-as-source", name: "partition-key", about: "partition key", like: "%s", initial: "example-key"},
	{samples: streams + " kinesis/streams-as-source", name: "sequence", about: "sequence number", like: "%s", initial: sequence},
	{samples: firehoses, name: "data", about: "data of each record; base64 in the event", paths: []string{"records[*].data"}, encoding: inBase64},
	{samples: "kinesis/analytics-compressed", name: "data", about: "data of each record; compressed and base64 in the event", paths: []string{"records[*].data"}, encoding: compressed},
	{samples: "kinesis/*", name: "stream", about: "name of the stream", like: "%s", initial: "example-stream"},
	{samples: "kinesis/* firehose/*", name: "delivery-stream", about: "name of the Firehose stream", like: "%s", initial: "example-delivery"},
	{samples: "kinesis/*", name: "application", about: "name of the application", like: "%s", initial: "example-application"},

	{samples: "cloudwatch/logs", name: "message", about: "text of each log event; the data is compressed again", paths: []string{"awslogs.data.logEvents[*].message"}},
	{samples: "kinesis/cloudwatch-logs-processor", name: "message", about: "text of each log event; the data is compressed again", paths: []string{"records[*].data.logEvents[*].message"}},
	{samples: "cloudwatch/logs kinesis/cloudwatch-logs-processor", name: "log-group", about: "log group", like: "%s", initial: "/aws/lambda/example-function"},
	{samples: "cloudwatch/scheduled-event", name: "rule", about: "name of the rule", like: "%s", initial: "example-rule"},
	{samples: "cloudwatch/alarm cloudwatch/alarm-state-change", name: "alarm", about: "name of the alarm", like: "%s", initial: "example-alarm"},
	{samples: events, name: "detail", about: "detail: JSON", paths: []string{"detail"}, encoding: jsonValue},
	{samples: "eventbridge/scheduler", name: "detail", about: "detail: a string", paths: []string{"detail"}},
	{samples: events, name: "detail-type", about: "type of the detail", paths: []string{"detail-type"}},
	{samples: events, name: "source", about: "source", paths: []string{"source"}},

	{samples: httpAll, name: "method", about: "method of the request", like: "%s", initial: "POST"},
	{samples: httpAll, name: "path", about: "path of the request", like: "%s", initial: "path/to/resource", encoding: slashless},
	{samples: httpBodies, name: "body", about: "body of the request; base64 in the event where it is no text", paths: []string{"body"}, encoding: httpBody},
	{samples: httpOne + " apigateway/websocket-*", name: "stage", about: "stage of the API", like: "%s", initial: "prod"},
	{samples: "apigateway/http-api-proxy", name: "stage", about: "stage of the API; in the paths too", paths: []string{"requestContext.stage"}, encoding: stage2},
	{samples: "apigateway/authorizer", name: "resource", about: "path of the request, as --path", like: "%s", initial: "path/to/resource", encoding: slashless},
	{samples: "apigateway/aws-proxy", name: "querystringparameters", about: "parameters of the query: JSON, as {\"q\":\"two\"}", paths: []string{"queryStringParameters"}, encoding: queryValues},
	{samples: httpOne, name: "resource", about: "resource of the API", like: "%s", initial: "/{proxy+}"},
	{samples: "apigateway/*", name: "api-id", about: "ID of the API", like: "%s", initial: "a1b2c3d4e5"},
	{samples: "apigateway/authorizer apigateway/request-authorizer", name: "restApiId", about: "ID of the API, as --api-id", like: "%s", initial: "a1b2c3d4e5"},
	{samples: "apigateway/*", name: "dns-suffix", about: "domain of the API, without execute-api", like: "execute-api.%s", initial: "us-east-1.amazonaws.com"},
	{samples: "alb/*", name: "dns-suffix", about: "domain of the load balancer", like: "%s", initial: "us-east-1.elb.amazonaws.com"},
	{samples: "apigateway/websocket-*", name: "connection-id", about: "ID of the connection", paths: []string{"requestContext.connectionId"}},

	{samples: "kafka/*", name: "topic", about: "name of the topic", like: "%s", initial: "example-topic"},
	{samples: "kafka/*", name: "key", about: "key of each message; base64 in the event", paths: []string{`records["example-topic-0"][*].key`}, encoding: inBase64},
	{samples: "kafka/*", name: "value", about: "value of each message; base64 in the event", paths: []string{`records["example-topic-0"][*].value`}, encoding: inBase64},
	{samples: "mq/*", name: "queue-name", about: "name of the queue", like: "%s", initial: "example-queue"},
	{samples: "mq/activemq", name: "data", about: "data of each message; base64 in the event", paths: []string{"messages[*].data"}, encoding: inBase64},
	{samples: "mq/rabbitmq", name: "data", about: "data of each message; base64 in the event", paths: []string{`rmqMessagesByQueue["example-queue::/"][*].data`}, encoding: inBase64},
	{samples: "documentdb/*", name: "database", about: "name of the database", like: "%s", initial: "example-database"},
	{samples: "documentdb/*", name: "collection", about: "name of the collection", like: "%s", initial: "example-collection"},
	{samples: "iot/rule", name: "topic", about: "topic of MQTT", paths: []string{"topic"}},
	{samples: "iot/button", name: "click-type", about: "SINGLE, DOUBLE or LONG", paths: []string{"clickType"}},

	{samples: "appsync/event-publish", name: "channel", about: "channel, after its namespace", like: "%s", initial: "orders"},
	{samples: "appsync/event-publish", name: "payload", about: "payload of each event: JSON", paths: []string{"events[*].payload"}, encoding: jsonValue},
	{samples: "cloudwatch/dashboard-widget", name: "params", about: "parameters of the widget: JSON", paths: []string{"widgetContext.params"}, encoding: jsonValue},
	{samples: "iot/registry-event", name: "operation", about: "CREATED, UPDATED or DELETED", paths: []string{"operation"}},
	{samples: "bedrock/*", name: "input-text", about: "what was said to the agent", paths: []string{"inputText"}},
	{samples: "bedrock/*", name: "action-group", about: "name of the action group", paths: []string{"actionGroup"}},
	{samples: "bedrock/agent-api", name: "api-path", about: "path of the API, as /tables/{id}", paths: []string{"apiPath"}},
	{samples: "bedrock/agent-api", name: "method", about: "method of the API", paths: []string{"httpMethod"}},
	{samples: "bedrock/agent-function", name: "function", about: "name of the function", paths: []string{"function"}},
	{samples: "bedrock/*", name: "parameters", about: "parameters: a list in JSON", paths: []string{"parameters"}, encoding: jsonValue},
	{samples: "transfer/*", name: "user-name", about: "name of the user", like: "%s", initial: "ada"},
	{samples: "transfer/identity-provider", name: "password", about: "password", paths: []string{"password"}},
	{samples: "cloudformation/*", name: "stack", about: "name of the stack", like: "%s", initial: "ExampleStack"},
	{samples: "cloudfront/*", name: "uri", about: "path of the request", paths: []string{"Records[*].cf.request.uri"}},
	{samples: "cloudfront/*", name: "method", about: "method of the request", paths: []string{"Records[*].cf.request.method"}},
	{samples: "codecommit/*", name: "repository", about: "name of the repository", like: "%s", initial: "example-repository"},
	{samples: "codecommit/*", name: "trigger", about: "name of the trigger", like: "%s", initial: "example-trigger"},
	{samples: "codecommit/*", name: "custom-data", about: "data of the trigger", paths: []string{"Records[*].customData"}},
	{samples: "codepipeline/*", name: "input-bucket", about: "bucket of the input", like: "%s", initial: "example-input"},
	{samples: "codepipeline/*", name: "input-key", about: "key of the input", like: "%s", initial: "input/source.zip"},
	{samples: "codepipeline/*", name: "output-bucket", about: "bucket of the output", like: "%s", initial: "example-output"},
	{samples: "codepipeline/*", name: "output-key", about: "key of the output", like: "%s", initial: "output/build.zip"},
	{samples: "connect/*", name: "contact-id", about: "ID of the contact", like: "%s", initial: requestID},
	{samples: "connect/*", name: "phone-number", about: "number of who calls", like: "%s", initial: "+15555550123"},
	{samples: pools, name: "user-name", about: "name of the user", paths: []string{"userName"}},
	{samples: pools, name: "user-pool-id", about: "ID of the user pool", paths: []string{"userPoolId"}},
	{samples: pools, name: "trigger-source", about: "what the pool asks for, as PreSignUp_AdminCreateUser", paths: []string{"triggerSource"}},
	{samples: "alexa-skills-kit/*", name: "session-id", about: "ID of the session", like: "%s", initial: "amzn1.echo-api.session.example-session"},
	{samples: "alexa-skills-kit/*", name: "user-id", about: "ID of the user", like: "%s", initial: "amzn1.ask.account.EXAMPLE"},
	{samples: "alexa-skills-kit/*", name: "application-id", about: "ID of the skill", like: "%s", initial: "amzn1.ask.skill.5b1e9a40-0f3c-4c1e-8d2a-7e6f5a4b3c2d"},
	{samples: "alexa-skills-kit/*", name: "request-id", about: "ID of the request", like: "%s", initial: "amzn1.echo-api.request.example-request"},
	{samples: "sagemaker/*", name: "labeling-job-name", about: "name of the job", like: "%s", initial: "example-job"},
	{samples: "sagemaker/*", name: "source-ref", about: "object to annotate", like: "%s", initial: "s3://example-bucket/object.jpg"},
	{samples: "sagemaker/*", name: "label-attribute-name", about: "name of the attribute", like: "%s", initial: "example-attribute"},
	{samples: "sagemaker/*", name: "s3-output-path", about: "where annotations are", like: "%s", initial: "s3://example-bucket/annotations"},
	{samples: "sagemaker/*", name: "execution-role", about: "name of the role", like: "%s", initial: "example-role"},
	{samples: "ses/*", name: "from", about: "address of who sent it", like: "%s", initial: "ada@example.com"},
	{samples: "ses/*", name: "to", about: "address of who gets it", like: "%s", initial: "grace@example.com"},
	{samples: "ses/*", name: "dns-suffix", about: "domain of the receiving server, without inbound-smtp", like: "inbound-smtp.%s", initial: "us-east-1.amazonaws.com"},
	{samples: "ses/* workmail/*", name: "subject", about: "subject", like: "%s", initial: "Example subject"},
	{samples: "workmail/*", name: "flow-direction", about: "INBOUND or OUTBOUND", paths: []string{"flowDirection"}},
	{samples: "workmail/*", name: "mail-from", about: "address on the envelope", paths: []string{"envelope.mailFrom.address"}},
	{samples: "workmail/*", name: "sender", about: "address of the sender", paths: []string{"sender.address"}},
	{samples: "stepfunctions/error", name: "error", about: "name of the error", paths: []string{"Error"}},
	{samples: "stepfunctions/error", name: "cause", about: "its cause", paths: []string{"Cause"}},
	{samples: "secretsmanager/*", name: "step", about: "createSecret, setSecret, testSecret or finishSecret", paths: []string{"Step"}},
	{samples: "secretsmanager/*", name: "secret", about: "name of the secret", like: "%s", initial: "example-secret"},
	{samples: "cloudevents/structured", name: "type", about: "type", paths: []string{"type"}},
	{samples: "cloudevents/structured", name: "source", about: "source", paths: []string{"source"}},
	{samples: "cloudevents/structured", name: "subject", about: "subject", paths: []string{"subject"}},
	{samples: "cloudevents/structured", name: "data", about: "data: JSON", paths: []string{"data"}, encoding: jsonValue},
}

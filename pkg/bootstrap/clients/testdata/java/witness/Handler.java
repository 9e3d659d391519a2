package witness;

import com.amazonaws.services.lambda.runtime.ClientContext;
import com.amazonaws.services.lambda.runtime.Context;
import java.util.LinkedHashMap;
import java.util.Map;

/** The witness on AWS's own client for Java: what an event is answered with is the same in all languages (clients_test.go). */
public class Handler {
    public static class WitnessError extends RuntimeException {
        WitnessError(String message) {
            super(message);
        }
    }

    /** Something that the client's serialiser can't get at. */
    public static class Unserialisable {
        public String getN() {
            throw new IllegalStateException("there is no n");
        }
    }

    private static int count; // the state that a warm environment keeps

    public Object hello(Object event, Context context) throws Exception {
        Map<?, ?> fields = event instanceof Map ? (Map<?, ?>) event : Map.of();
        switch (String.valueOf(fields.get("op"))) {
            case "value":
                return fields.get("value");
            case "context":
                return tell(context);
            case "count":
                return ++count;
            case "error":
                Object message = fields.get("message");
                throw new WitnessError(message == null ? "out of cheese" : message.toString());
            case "unserialisable":
                return new Unserialisable();
            case "exit":
                Runtime.getRuntime().halt(number(fields, "status"));
            case "kill":
                new ProcessBuilder("sh", "-c", "kill -KILL " + ProcessHandle.current().pid()).start().waitFor();
                Thread.sleep(60_000);
            case "sleep":
                Thread.sleep(number(fields, "ms"));
                return "slept";
            case "big":
                return "x".repeat(number(fields, "bytes") - 2); // and two quotes
            case "print":
                System.out.println("printed");
                return "printed";
            case "fork":
                Process child = new ProcessBuilder("sh", "-c", "printf '%s' \"$0\"; cat | wc -c", "forked ")
                    .redirectInput(ProcessBuilder.Redirect.INHERIT).start();
                return new String(child.getInputStream().readAllBytes()).trim();
            default:
                return event;
        }
    }

    private static int number(Map<?, ?> fields, String name) {
        return ((Number) fields.get(name)).intValue();
    }

    /** What the client made of the headers and the environment. */
    private static Map<String, Object> tell(Context context) {
        ClientContext client = context.getClientContext();
        Map<String, Object> told = new LinkedHashMap<>();
        told.put("requestId", context.getAwsRequestId());
        told.put("arn", context.getInvokedFunctionArn());
        told.put("tenant", context.getTenantId());
        told.put("client", client == null ? null : client.getClient().getAppTitle());
        told.put("custom", client == null ? null : client.getCustom().get("k"));
        told.put("identity", context.getIdentity() == null ? null : context.getIdentity().getIdentityId());
        told.put("trace", System.getProperty("com.amazonaws.xray.traceHeader"));
        told.put("leftMs", context.getRemainingTimeInMillis());
        told.put("name", context.getFunctionName());
        told.put("version", context.getFunctionVersion());
        told.put("memoryMB", context.getMemoryLimitInMB());
        return told;
    }
}

package invokeapi

// Whom a path means: a name, a name with a qualifier, an ARN or a part of one. A function that is alone is whom any of them
// means, as with AWS's own emulator: code that invokes another function by its deployed name runs unchanged.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_RequestSyntax

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// spelling is a function's name in all its forms; account and region may be anybody's.
var spelling = regexp.MustCompile(`^(?:arn:aws[a-zA-Z-]*:lambda:[a-z]{2}(?:-[a-z]+)+-\d:)?(?:\d{12}:)?(?:function:)?([a-zA-Z0-9-_]{1,140})(?::(\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?$`)

// What else a caller may spell, with its bounds.
var (
	qualifierSpelling = regexp.MustCompile(`^(?:\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9$_-]+)$`)
	tenantSpelling    = regexp.MustCompile(`^[a-zA-Z0-9._:/=+\-@ ]+$`)
)

const (
	mostName      = 256
	mostQualifier = 128
)

// IsTenant says whether Lambda would take it for a tenant.
func IsTenant(id string) bool { return len(id) <= mostTenantID && tenantSpelling.MatchString(id) }

// HeaderExactName is sent, with any value, by a caller who wants the function of that name and no other, however alone one is.
// It is ours: AWS has no such header.
const HeaderExactName = "X-Sor-Exact-Name"

// anyFunction is what AWS's own emulator calls its one function.
const anyFunction = "function"

// spelled refuses a value that is not spelled as AWS's pages say, or is longer.
func spelled(what, value string, spelling *regexp.Regexp, most int) *apiError {
	switch {
	case len(value) > most:
		return invalidParameter("1 validation error detected: Value at '%s' failed to satisfy constraint: Member must have length less than or equal to %d", what, most)
	case !spelling.MatchString(value):
		return invalidParameter("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must satisfy regular expression pattern: %s", value, what, spelling)
	}
	return nil
}

// target finds the function of a request, and the ARN that it is told it was invoked by.
func (s *server) target(r *http.Request) (f Served, arn string, refused *apiError) {
	name, err := url.PathUnescape(r.PathValue("name"))
	if err != nil {
		name = r.PathValue("name")
	}
	if refused := spelled("functionName", name, spelling, mostName); refused != nil {
		return Served{}, "", refused
	}
	parts := spelling.FindStringSubmatch(name)
	qualifier := r.URL.Query().Get("Qualifier")
	if qualifier != "" {
		if refused := spelled("qualifier", qualifier, qualifierSpelling, mostQualifier); refused != nil {
			return Served{}, "", refused
		}
	}
	switch {
	case qualifier == "":
		qualifier = parts[2]
	case parts[2] != "" && parts[2] != qualifier:
		return Served{}, "", invalidParameter("The derived qualifier from the function name does not match the specified qualifier.")
	}
	f, ok := s.functions[parts[1]]
	switch {
	case ok:
	case s.only != nil && r.Header.Get(HeaderExactName) == "":
		f = *s.only
		if parts[1] != anyFunction {
			s.renamed(f, parts[1])
		}
	default:
		return Served{}, "", notFound(withQualifier("arn:aws:lambda:"+s.place()+":function:"+parts[1], qualifier))
	}
	return f, withQualifier(f.Config().FunctionARN, qualifier), nil
}

func withQualifier(arn, qualifier string) string {
	if qualifier == "" {
		return arn
	}
	return arn + ":" + qualifier
}

// place is region and account of the functions here.
func (s *server) place() string {
	for _, f := range s.functions {
		// arn:aws:lambda:REGION:ACCOUNT:function:NAME
		if parts := strings.Split(f.Config().FunctionARN, ":"); len(parts) > 4 {
			return parts[3] + ":" + parts[4]
		}
	}
	return "us-east-1:012345678912"
}

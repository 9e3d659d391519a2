package invokeapi

// Cross-origin resource sharing: what a browser must be told before a page of another origin may read an answer. Which pages
// may ask at all is another matter: see local.go.

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// CORS is the configuration of a function URL. With one, Lambda answers preflights itself, and its headers take the place of
// the function's.
// https://docs.aws.amazon.com/lambda/latest/api/API_Cors.html
type CORS struct {
	AllowCredentials bool
	AllowHeaders     []string // "*" for any, as in the two that follow
	AllowMethods     []string
	AllowOrigins     []string
	ExposeHeaders    []string
	MaxAge           int // seconds that a browser may remember a preflight's answer
}

// apiCORS lets pages use AWS's client of the Invoke API, as on AWS.
var apiCORS = &CORS{
	AllowHeaders: []string{"*"}, AllowMethods: []string{http.MethodPost}, AllowOrigins: []string{"*"}, MaxAge: 172800,
	ExposeHeaders: []string{
		headerRequestID, headerErrorType, headerFunctionError, headerLogResult, headerExecutedVersion, headerRemappedLength,
		headerRemappedType, headerTraceID,
	},
}

// headerPrefixCORS begins the name of every header that a CORS configuration decides.
const headerPrefixCORS = "Access-Control-"

// around answers preflights, and has next answer the rest.
func (c *CORS) around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.allow(w.Header(), r)
		if c.isPreflight(r) {
			w.WriteHeader(http.StatusOK)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isPreflight says whether a browser asks for the answer to a preflight, and nobody is to be invoked.
func (c *CORS) isPreflight(r *http.Request) bool {
	return c != nil && r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get(headerPrefixCORS+"Request-Method") != ""
}

// allow sets the headers for a page that may read the answer.
func (c *CORS) allow(h http.Header, r *http.Request) {
	origin := r.Header.Get("Origin")
	if c == nil || origin == "" {
		return
	}
	h.Add("Vary", "Origin")
	if !slices.Contains(c.AllowOrigins, "*") && !slices.Contains(c.AllowOrigins, origin) {
		return
	}
	h.Set(headerPrefixCORS+"Allow-Origin", origin)
	if c.AllowCredentials {
		h.Set(headerPrefixCORS+"Allow-Credentials", "true")
	}
	if !c.isPreflight(r) {
		setList(h, "Expose-Headers", c.ExposeHeaders, "*")
		return
	}
	// A browser's * means neither Authorization, nor anything beside credentials: what it asked for is spelled out.
	setList(h, "Allow-Methods", c.AllowMethods, r.Header.Get(headerPrefixCORS+"Request-Method"))
	setList(h, "Allow-Headers", c.AllowHeaders, r.Header.Get(headerPrefixCORS+"Request-Headers"))
	if c.MaxAge > 0 {
		h.Set(headerPrefixCORS+"Max-Age", strconv.Itoa(c.MaxAge))
	}
}

func setList(h http.Header, name string, values []string, any string) {
	value := strings.Join(values, ",")
	if slices.Contains(values, "*") {
		value = any
	}
	if value != "" {
		h.Set(headerPrefixCORS+name, value)
	}
}

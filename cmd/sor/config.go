package main

// Flags, SOR_* variables and the user's configuration file, in that order, by viper. This is viper's only room: it
// lowercases keys, so it never sees sor.yaml. Out comes a plain struct.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/viper"
)

// settings are what a user sets once for all projects.
type settings struct {
	Quiet     bool
	Verbose   bool
	CacheDir  string
	Sandbox   string
	Network   string
	Endpoint  string // where functions are served, for those who invoke
	CacheSize int64  // bytes
}

// loadSettings reads flag, then SOR_NAME, then sor/config.yaml in the user's configuration folder, then the default.
func loadSettings(cmd *cobra.Command) (settings, error) {
	v := viper.New()
	v.SetEnvPrefix("SOR")
	v.SetEnvKeyReplacer(strings.NewReplacer("-", "_"))
	v.AutomaticEnv()
	// AWS's SDKs and command line take the latter too. https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
	if err := v.BindEnv("endpoint", "SOR_ENDPOINT", "AWS_ENDPOINT_URL_LAMBDA"); err != nil {
		return settings{}, err
	}
	v.SetDefault("sandbox", "auto")
	v.SetDefault("network", "")
	v.SetDefault("cache-mb", 2048)
	v.SetDefault("cache-dir", os.Getenv("SOR_CACHE"))
	if dir, err := os.UserConfigDir(); err == nil {
		v.SetConfigFile(filepath.Join(dir, "sor", "config.yaml"))
		if err := v.ReadInConfig(); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return settings{}, fail(exitUsage, "mend or remove the file", fmt.Errorf("reading %s: %w", v.ConfigFileUsed(), err))
		}
	}
	if err := v.BindPFlags(cmd.Flags()); err != nil {
		return settings{}, err
	}
	megabytes, err := strconv.ParseInt(v.GetString("cache-mb"), 10, 32)
	if err != nil || megabytes < 0 {
		return settings{}, fail(exitUsage, "SOR_CACHE_MB, or cache-mb of the configuration file, is a whole number of MB", fmt.Errorf("the bound of the cache is %q", v.GetString("cache-mb")))
	}
	return settings{
		Quiet:     v.GetBool("quiet"),
		Verbose:   v.GetBool("verbose"),
		CacheDir:  v.GetString("cache-dir"),
		Sandbox:   v.GetString("sandbox"),
		Network:   v.GetString("network"),
		Endpoint:  v.GetString("endpoint"),
		CacheSize: megabytes << 20,
	}, nil
}

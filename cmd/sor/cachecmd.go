package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newCacheCommand(screen *ui) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "cache",
		Short:   "The cache of programs, compiled middlewares and unpacked layers",
		Example: "  sor cache clean",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "clean",
		Short: "Remove what is in the cache",
		Long: `Remove what is in the cache. The next command makes again what it needs.

The cache is bounded (SOR_CACHE_MB, 2048 by default): the longest unused goes first, so cleaning is rarely needed.

Exit codes: 0 cleaned, 3 the cache folder can't be written.`,
		Example: "  sor cache clean",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := openWorkspace(screen)
			if err != nil {
				return err
			}
			freed, err := w.cache.Clean()
			if err != nil {
				return fail(exitMissing, "", fmt.Errorf("cleaning the cache in %s: %w", w.cache.Root(), err))
			}
			w.say("removed %s from %s", megabytes(freed), w.cache.Root())
			return nil
		},
	})
	return cmd
}

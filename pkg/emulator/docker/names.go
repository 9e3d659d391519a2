package docker

import (
	"archive/tar"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/docker/api/types/mount"

	"github.com/serverless/open-runtime/internal/wholefile"
)

// passwd and group for images that do not know user 993 and group 990. AWS's own do.
const (
	passwd = "root:x:0:0:root:/root:/sbin/nologin\nsbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\n"
	group  = "root:x:0:\nsbx_user1051:x:990:\n"
)

// knowsUser says whether the image of a container has a name for user 993.
func (s *Sandbox) knowsUser(ctx context.Context, id string) bool {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	stream, _, err := s.engine.CopyFromContainer(ctx, id, "/etc/passwd")
	if err != nil {
		return false
	}
	defer stream.Close()
	file := tar.NewReader(stream)
	if _, err := file.Next(); err != nil {
		return false
	}
	data, err := io.ReadAll(io.LimitReader(file, 1<<20))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(data)) {
		if fields := strings.Split(line, ":"); len(fields) > 2 && fields[2] == "993" {
			return true
		}
	}
	return false
}

// nameMounts binds files of ours over the image's. They stay: what is bound must be there for as long as any container is.
func (s *Sandbox) nameMounts() ([]mount.Mount, error) {
	dir := s.options.Dir
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return nil, err
		}
		dir = filepath.Join(cache, "sor", "names")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	var mounts []mount.Mount
	for name, content := range map[string]string{"passwd": passwd, "group": group} {
		path := filepath.Join(dir, name)
		if have, err := os.ReadFile(path); err != nil || string(have) != content {
			if err := wholefile.WriteBytes(path, []byte(content)); err != nil {
				return nil, err
			}
			if err := os.Chmod(path, 0o644); err != nil { // whatever the umask: user 993 reads it
				return nil, err
			}
		}
		mounts = append(mounts, bindMount(path, "/etc/"+name))
	}
	return mounts, nil
}

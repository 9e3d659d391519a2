package namespace

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/serverless/open-runtime/internal/frames"
)

const envReadOnly = "SOR_TEST_READ_ONLY"

// TestReadOnly tries both ways of making a tree of mounts read-only, in namespaces of their own.
func TestReadOnly(t *testing.T) {
	ways := map[string]func(string) error{"mount_setattr": readOnly, "mount by mount": remountEach}
	if way := os.Getenv(envReadOnly); way != "" {
		if err := tryReadOnly(t.TempDir(), ways[way]); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := Available(); err != nil {
		t.Skip("namespaces are not possible here: ", err)
	}
	who, err := identity()
	if err != nil {
		t.Fatal(err)
	}
	for way := range ways {
		t.Run(way, func(t *testing.T) {
			again := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestReadOnly$", "-test.v")
			again.Env = append(os.Environ(), envReadOnly+"="+way)
			again.SysProcAttr = attributes(who, "")
			again.SysProcAttr.Cloneflags &^= unix.CLONE_NEWPID // else /proc would not be its own
			if out, err := again.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// tryReadOnly binds a tree with a mount in it, of a name that mountinfo escapes, and sees whether it can still be written.
func tryReadOnly(dir string, way func(string) error) error {
	tree, inner, bound := filepath.Join(dir, "tree"), filepath.Join(dir, "tree", "in ner"), filepath.Join(dir, "bound")
	if err := errors.Join(os.MkdirAll(inner, 0o755), os.Mkdir(bound, 0o755)); err != nil {
		return err
	}
	for _, step := range []error{
		mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		mount("tmpfs", inner, "tmpfs", unix.MS_NOEXEC|unix.MS_NODEV, ""),
		mount(tree, bound, "", unix.MS_BIND|unix.MS_REC, ""),
		way(bound),
	} {
		if step != nil {
			return step
		}
	}
	for _, name := range []string{"x", "in ner/x"} {
		if err := os.WriteFile(filepath.Join(bound, name), nil, 0o644); !errors.Is(err, syscall.EROFS) {
			return errors.Join(errors.New(name+" can be written in what should be read-only"), err)
		}
		if err := os.WriteFile(filepath.Join(tree, name), nil, 0o644); err != nil {
			return err // the original must stay as it was
		}
	}
	return errors.Join(unix.Unmount(bound, unix.MNT_DETACH), unix.Unmount(inner, unix.MNT_DETACH))
}

func TestFurther(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "real"), 0o755), os.Symlink("real", link)); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		dir     string
		want    *bind
		refused bool
	}{
		{dir: link, want: &bind{Source: filepath.Join(dir, "real"), Target: link}},
		{dir: "/usr/lib"},
		{dir: "/etc"},
		{dir: "relative", refused: true},
		{dir: "/", refused: true},
		{dir: "/proc", refused: true},
		{dir: "/var", refused: true},
		{dir: filepath.Join(dir, "missing"), refused: true},
	} {
		got, err := further(test.dir)
		if (err != nil) != test.refused {
			t.Errorf("further(%q): %v", test.dir, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("further(%q) (-want +got):\n%s", test.dir, diff)
		}
	}
}

func TestExplain(t *testing.T) {
	for _, errno := range []syscall.Errno{unix.EPERM, unix.EACCES, unix.ENOSPC} {
		err := explain(frames.IdentityNamespace, &setupError{Doing: "mounting /", Errno: int(errno), Text: errno.Error()})
		told, ok := errors.AsType[*UnavailableError](err)
		if !ok || told.Hint == "" || told.Cause == "" || !errors.Is(err, errno) {
			t.Errorf("%v is explained as %v", errno, err)
		}
	}
	other := errors.New("something else")
	if got := explain(frames.IdentityDrop, other); got != other {
		t.Errorf("something else is explained as %v", got)
	}
}

func TestMapped(t *testing.T) {
	file := filepath.Join(t.TempDir(), "uid_map")
	for _, test := range []struct {
		table string
		id    int
		want  bool
	}{
		{"         0          0 4294967295\n", 993, true},
		{"         0       1000          1\n", 993, false},
		{"0 1000 1\n1 100000 65536\n", 993, true},
		{"0 1000 1\n1 100000 992\n", 993, false},
		{"", 993, false},
	} {
		if err := os.WriteFile(file, []byte(test.table), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := mapped(file, test.id); got != test.want {
			t.Errorf("mapped(%q, %d) = %v", test.table, test.id, got)
		}
	}
}

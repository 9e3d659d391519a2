package namespace

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/serverless/open-runtime/pkg/emulator"
)

// hostRoot is where the host's files are seen while the new root is being made.
const hostRoot = "/host"

// systemDirs are the host's directories that are shown; /lib* is every /lib, /lib64, /libx32 there is. /home, /root, /run
// (with the sockets of engines), /var, /sys and every other mount stay out.
var systemDirs = []string{"/usr", "/etc", "/bin", "/sbin", "/lib*"}

// mountRoot makes the new root, moves there and forgets the old one. The root is a tmpfs, because directories such as
// /var/task exist on no ordinary machine and can't be made on one that is read-only; overlayfs over / is refused in a user
// namespace. It goes over a directory that surely exists, so that no temporary one is left behind by a kill.
func mountRoot(in instructions) error {
	if err := mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	const base = "/usr"
	if err := mount("tmpfs", base, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755,size=1m"); err != nil {
		return err
	}
	if err := os.Mkdir(base+hostRoot, 0o700); err != nil {
		return err
	}
	if err := unix.PivotRoot(base, base+hostRoot); err != nil {
		return &os.PathError{Op: "moving to the new root", Path: base, Err: err}
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	unix.Umask(0) // what is made here has the modes that are written here
	err := fillRoot(in)
	unix.Umask(0o022) // the developer's own is no business of the function's
	if err != nil {
		return err
	}
	if err := unix.Unmount(hostRoot, unix.MNT_DETACH); err != nil {
		return &os.PathError{Op: "leaving the old root", Path: hostRoot, Err: err}
	}
	if err := os.Remove(hostRoot); err != nil {
		return err
	}
	return mount("", "/", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, "")
}

// fillRoot makes everything in the new root. proc is mounted while the old root is still there: a user namespace may
// mount one only while it sees another, whole. The further directories come after /tmp, since they may lie in it.
func fillRoot(in instructions) error {
	for _, step := range []func(instructions) error{showSystem, makeEmpty, makeDevices, makeVar, placeNames, mountOwn, mountLoose, showBinds} {
		if err := step(in); err != nil {
			return err
		}
	}
	return nil
}

// mountOwn mounts what is the sandbox's own: /proc with its own processes, and /tmp, the one place that can be written.
func mountOwn(in instructions) error {
	for _, dir := range []string{"/proc", "/tmp"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	if err := mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return err
	}
	size := strconv.Itoa(max(in.TmpMB, 1)) + "m"
	return mount("tmpfs", "/tmp", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777,size="+size)
}

// mountLoose mounts what a function may write to only when it is run less strictly than on Lambda.
func mountLoose(in instructions) error {
	if !in.Loose {
		return nil
	}
	for _, dir := range emulator.LooseFolders {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777,size="+strconv.Itoa(max(in.TmpMB, 1))+"m"); err != nil {
			return err
		}
	}
	return nil
}

// showSystem binds the host's system directories, and makes again those that are links (/bin to usr/bin).
func showSystem(instructions) error {
	for _, pattern := range systemDirs {
		found, _ := filepath.Glob(hostRoot + pattern)
		for _, source := range found {
			target := strings.TrimPrefix(source, hostRoot)
			if link, err := os.Readlink(source); err == nil {
				if err := os.Symlink(link, target); err != nil {
					return err
				}
				continue
			}
			if err := show(source, target); err != nil {
				return err
			}
		}
	}
	return nil
}

// makeEmpty makes the directories that a system has and of which a function has no use: writing there fails as it does on
// Lambda, because the file system is read-only.
func makeEmpty(instructions) error {
	for _, dir := range []string{"/boot", "/home", "/media", "/mnt", "/root", "/run", "/srv", "/sys"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// makeDevices makes a /dev of the few devices that a program without a terminal needs. Like Lambda's it has no /dev/shm.
func makeDevices(instructions) error {
	if err := os.Mkdir("/dev", 0o755); err != nil {
		return err
	}
	for _, name := range []string{"null", "zero", "full", "random", "urandom"} {
		if err := show(hostRoot+"/dev/"+name, "/dev/"+name); err != nil {
			return err
		}
	}
	links := map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"}
	for name, target := range links {
		if err := os.Symlink(target, "/dev/"+name); err != nil {
			return err
		}
	}
	return nil
}

// makeVar makes /var and /opt as Lambda has them: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
func makeVar(in instructions) error {
	for _, dir := range []string{"/var/task", "/opt", "/var/runtime", "/var/lang", "/var/rapid"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	shown := []bind{{in.Task, "/var/task"}, {in.Opt, "/opt"}, {in.Supervisor, "/var/rapid/supervisor"}}
	for _, b := range shown {
		if b.Source == "" {
			continue
		}
		if err := show(hostRoot+b.Source, b.Target); err != nil {
			return err
		}
	}
	return nil
}

// showBinds binds further directories of the host at their own paths.
func showBinds(in instructions) error {
	for _, b := range in.Binds {
		if err := show(hostRoot+b.Source, b.Target); err != nil {
			return err
		}
	}
	return nil
}

// show binds source, a directory or a file, at target with every mount below it, read-only, making target if need be.
// A device can be written on a read-only mount: there is no file system to change.
func show(source, target string) error {
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if err := makePlace(target, info.IsDir()); err != nil {
		return err
	}
	if err := mount(source, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	return readOnly(target)
}

func makePlace(target string, dir bool) error {
	if dir {
		return os.MkdirAll(target, 0o755)
	}
	if _, err := os.Stat(target); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	return os.WriteFile(target, nil, 0o644)
}

func mount(source, target, fstype string, flags uintptr, options string) error {
	if err := unix.Mount(source, target, fstype, flags, options); err != nil {
		return &os.PathError{Op: "mounting", Path: target, Err: err}
	}
	return nil
}

package namespace

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/serverless/open-runtime/internal/frames"
)

// nowhere is the path of a program that can't be there.
const nowhere = "/proc/self/no-such-program"

// Available says whether Start can work here, by trying what it needs most: a process in fresh namespaces that mounts.
// That there is no program for it to become is then all that can be wrong.
func Available() error {
	who, err := identity()
	if err != nil {
		return err
	}
	attr := attributes(who, "")
	attr.Cloneflags &^= unix.CLONE_NEWNS
	attr.Unshareflags = unix.CLONE_NEWNS // which also mounts: AppArmor lets a user make namespaces, and then do nothing there
	_, err = syscall.ForkExec(nowhere, []string{nowhere}, &syscall.ProcAttr{Sys: attr})
	if !errors.Is(err, unix.ENOENT) {
		return explain(who, fmt.Errorf("making namespaces: %w", err))
	}
	if who == frames.IdentityNamespace && procMasked() {
		return maskedProc(nil)
	}
	return nil
}

// explain makes of a refusal what a person can act on. Other errors stay as they are.
func explain(who string, err error) error {
	errno, ok := errors.AsType[syscall.Errno](err)
	refused := ok && (errno == unix.EPERM || errno == unix.EACCES || errno == unix.ENOSPC || errno == unix.EINVAL || errno == unix.ENOSYS)
	if !refused {
		return err
	}
	switch {
	case errno == unix.ENOSPC || setting("user/max_user_namespaces") == "0":
		return &UnavailableError{Cause: "this machine allows no user namespaces", Err: err,
			Hint: "sudo sysctl user.max_user_namespaces=15000, or use --sandbox docker"}
	case who == frames.IdentityDrop || inContainer():
		return refusedInContainer(err)
	case setting("kernel/unprivileged_userns_clone") == "0":
		return &UnavailableError{Cause: "this machine allows no user namespaces to ordinary users", Err: err,
			Hint: "sudo sysctl kernel.unprivileged_userns_clone=1, or use --sandbox docker"}
	case setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
		return &UnavailableError{Cause: "AppArmor lets ordinary users do nothing in their user namespaces", Err: err,
			Hint: "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0, or use --sandbox docker"}
	default:
		return &UnavailableError{Cause: "the kernel refuses fresh namespaces", Err: err, Hint: "use --sandbox docker, or run as root"}
	}
}

func rootWithoutPower() error {
	return &UnavailableError{
		Cause: "this is root without CAP_SYS_ADMIN, as in an ordinary container",
		Hint: "start the container with --cap-add SYS_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined " +
			"(or --privileged), or give it the engine's socket and use --sandbox docker",
	}
}

func refusedInContainer(err error) error {
	return &UnavailableError{Cause: "this container may not make namespaces or mounts", Err: err,
		Hint: "start it with --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined " +
			"(or --privileged), or give it the engine's socket and use --sandbox docker"}
}

func maskedProc(err error) error {
	return &UnavailableError{Cause: "parts of /proc are masked, as in an ordinary container, so an ordinary user may not mount one", Err: err,
		Hint: "start the container with --security-opt systempaths=unconfined (or --privileged), or run as root"}
}

// procMasked says whether something is mounted below /proc: then the kernel lets no user namespace mount a proc.
func procMasked() bool {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) > 4 && strings.HasPrefix(fields[4], "/proc/") && fields[4] != "/proc/sys/fs/binfmt_misc" {
			return true
		}
	}
	return false
}

// inContainer recognises Docker, Podman and Kubernetes by the marks that they leave.
func inContainer() bool {
	for _, mark := range []string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Stat(mark); err == nil {
			return true
		}
	}
	return os.Getenv("KUBERNETES_SERVICE_HOST") != ""
}

func setting(name string) string {
	data, err := os.ReadFile("/proc/sys/" + name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

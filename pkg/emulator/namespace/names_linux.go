package namespace

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// passwd and group know user 993 and group 990: Node's os.userInfo() and os.homedir(), and AWS's SDK with them, throw for
// a user without a name. nobody is who the files of others seem to belong to in a user namespace.
const (
	passwd = "root:x:0:0:root:/root:/sbin/nologin\n" +
		"sbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\n" +
		"nobody:x:65534:65534:nobody:/:/sbin/nologin\n"
	group = "root:x:0:\nsbx_user1051:x:990:\nnogroup:x:65534:\n"
	hosts = "127.0.0.1 localhost sandbox sandbox.localdomain\n::1 localhost ip6-localhost\n"
	// The network is the machine's own, so its developer's machine is itself. Without a network there is none to name.
	hostsOfNetwork = "127.0.0.1 host.docker.internal\n"
)

// placeNames gives the sandbox its own names of users, groups and hosts, over those of the host's /etc, and the resolver
// of the host where it is: /etc/resolv.conf is often a link into /run, which is not shown.
func placeNames(in instructions) error {
	text := hosts
	if !in.Loopback {
		text += hostsOfNetwork
	}
	for name, content := range map[string]string{"passwd": passwd, "group": group, "hosts": text} {
		if err := placeFile(name, content); err != nil {
			return err
		}
	}
	if in.Resolv != nil {
		return show(hostRoot+in.Resolv.Source, in.Resolv.Target)
	}
	return nil
}

// placeFile puts a file of ours over the host's /etc/name. A host that has none keeps none: nothing can be made there.
func placeFile(name, content string) error {
	own, target := filepath.Join("/var/rapid", name), filepath.Join("/etc", name)
	if err := os.WriteFile(own, []byte(content), 0o644); err != nil {
		return err
	}
	if real, err := filepath.EvalSymlinks(target); err != nil || real != target {
		return nil
	}
	if err := mount(own, target, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	return readOnly(target)
}

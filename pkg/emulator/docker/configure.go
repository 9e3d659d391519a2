package docker

import (
	"fmt"
	"os"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/go-connections/nat"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/owner"
	"github.com/serverless/open-runtime/pkg/emulator"
)

// Labels of every container of ours. The mark of its maker means something on the host of that name only.
const (
	labelOwner = "com.serverless.open-runtime.owner"
	labelHost  = "com.serverless.open-runtime.host"
)

const (
	networkNone = "none"
	networkHost = "host"

	// mostProcesses is Lambda's limit of processes and threads, and room for the supervisor's own.
	mostProcesses = 1024 + 64

	// supervisorAllowance is what the supervisor itself may use on top of the function's memory and /tmp, in bytes.
	supervisorAllowance = 64 << 20
)

func labels() map[string]string {
	host, _ := os.Hostname()
	return map[string]string{labelOwner: owner.Mark(), labelHost: host}
}

// configure says what the container is.
func (s *Sandbox) configure(spec emulator.Spec, files provided) (*container.Config, *container.HostConfig) {
	config := &container.Config{
		Image:      spec.Image,
		Entrypoint: []string{"/var/rapid/supervisor"},
		User:       "993:990",
		WorkingDir: "/",
		OpenStdin:  true, StdinOnce: true, AttachStdin: true, AttachStdout: true, AttachStderr: true,
		StopSignal:  "SIGKILL", // the supervisor heeds no other
		Labels:      labels(),
		Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
	}
	none := false
	limit := int64(spec.MemoryMB+spec.TmpMB)<<20 + supervisorAllowance // the pages of /tmp count
	host := &container.HostConfig{
		AutoRemove:     true,
		Init:           &none,                             // the supervisor is process 1 and reaps
		LogConfig:      container.LogConfig{Type: "none"}, // else the engine writes every payload to its disk
		IpcMode:        container.IPCModeNone,             // like Lambda, no /dev/shm
		ReadonlyRootfs: true,
		CapDrop:        []string{"ALL"},
		SecurityOpt:    []string{"no-new-privileges"},
		NetworkMode:    "bridge",
		ExtraHosts:     []string{"sandbox.localdomain:127.0.0.1", "sandbox:127.0.0.1"},
		Tmpfs:          map[string]string{"/tmp": fmt.Sprintf("exec,mode=1777,size=%dm", max(spec.TmpMB, 1))},
		Resources:      container.Resources{Memory: limit, MemorySwap: limit},
		Mounts:         files.mounts,
	}
	if spec.MemoryMB <= 0 {
		host.Memory, host.MemorySwap = 0, 0
	}
	for _, target := range files.empty {
		host.Tmpfs[target] = "ro,mode=755,size=4k"
	}
	if files.volumesOf != "" {
		host.VolumesFrom = []string{files.volumesOf + ":ro"}
	}
	if spec.Loose {
		for _, dir := range emulator.LooseFolders {
			host.Tmpfs[dir] = host.Tmpfs["/tmp"]
		}
	} else if spec.MemoryMB > 0 {
		most := int64(mostProcesses)
		host.PidsLimit = &most
	}
	publish(config, host, spec.Ports)
	if spec.Network != "" {
		host.NetworkMode = container.NetworkMode(spec.Network)
	}
	if spec.Network != networkNone { // without a network there is no way to the developer's machine
		host.ExtraHosts = append(host.ExtraHosts, "host.docker.internal:host-gateway")
	}
	if s.engineFacts().selinux {
		host.SecurityOpt = append(host.SecurityOpt, "label=disable") // else bind mounts can't be read
	}
	return config, host
}

// publish makes ports of the container those of the engine's loopback.
func publish(config *container.Config, host *container.HostConfig, ports []int) {
	for _, port := range ports {
		if config.ExposedPorts == nil {
			config.ExposedPorts, host.PortBindings = nat.PortSet{}, nat.PortMap{}
		}
		number := nat.Port(fmt.Sprintf("%d/tcp", port))
		config.ExposedPorts[number] = struct{}{}
		host.PortBindings[number] = []nat.PortBinding{{HostIP: "127.0.0.1", HostPort: fmt.Sprint(port)}}
	}
}

// factsOf is what the supervisor must know. PATH gets no suffix: the machine's interpreters are not in the image.
func (s *Sandbox) factsOf(spec emulator.Spec) frames.Facts {
	f := frames.Facts{Sandbox: Name, APIAddress: "127.0.0.1:9001", Identity: frames.IdentityAlready}
	if spec.Network == networkHost {
		f.APIAddress = "127.0.0.1:0" // the engine's own loopback, where others may be
	}
	if s.engineFacts().limitsMemory && spec.MemoryMB > 0 {
		f.MemoryLimit = "cgroup"
	}
	return f
}

func bindMount(source, target string) mount.Mount {
	return mount.Mount{Type: mount.TypeBind, Source: source, Target: target, ReadOnly: true}
}

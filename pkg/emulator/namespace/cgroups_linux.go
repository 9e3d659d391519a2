package namespace

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A cgroupPlace is a directory in which a cgroup with a memory limit may be possible, and the name of its limit's file.
type cgroupPlace struct{ dir, limit string }

const (
	limitV1 = "memory.limit_in_bytes"
	limitV2 = "memory.max"
)

// memoryCgroups gives the places to try, nearest first. Those of version 2 that give their children no limit on memory
// are left out: a cgroup could be made there, for nothing.
func memoryCgroups() ([]cgroupPlace, error) {
	own, mounts, err := readCgroups()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(cgroupPlaces(own, mounts), func(place cgroupPlace) bool {
		if place.limit != limitV2 {
			return false
		}
		controllers, err := os.ReadFile(filepath.Join(place.dir, "cgroup.subtree_control"))
		return err != nil || !slices.Contains(strings.Fields(string(controllers)), "memory")
	}), nil
}

// countingCgroup gives our own place in version 1's tree that counts processes.
func countingCgroup() (string, error) {
	own, mounts, err := readCgroups()
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(own) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) == 3 && slices.Contains(strings.Split(fields[1], ","), "pids") {
			if top, dir := cgroupDir(mounts, "cgroup", "pids", fields[2]); top != "" {
				return dir, nil
			}
		}
	}
	return "", os.ErrNotExist
}

func readCgroups() (own, mounts string, err error) {
	cgroups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", "", err
	}
	mounted, err := os.ReadFile("/proc/self/mountinfo")
	return string(cgroups), string(mounted), err
}

// cgroupPlaces finds them from what /proc/self/cgroup and mountinfo say (cgroups(7)). With version 1 a cgroup may be made
// in our own. With version 2 ours can't have any with a memory limit in it as long as we are in it ourselves, so its
// ancestors are tried as well: systemd gives each user some that may be written.
func cgroupPlaces(own, mounts string) []cgroupPlace {
	var places []cgroupPlace
	for line := range strings.Lines(own) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		controllers, path := strings.Split(fields[1], ","), fields[2]
		switch {
		case slices.Contains(controllers, "memory"):
			if top, dir := cgroupDir(mounts, "cgroup", "memory", path); top != "" {
				places = append(places, cgroupPlace{dir, limitV1})
			}
		case fields[0] == "0":
			top, dir := cgroupDir(mounts, "cgroup2", "", path)
			for ; top != "" && (dir == top || strings.HasPrefix(dir, top+"/")); dir = filepath.Dir(dir) {
				places = append(places, cgroupPlace{dir, limitV2})
			}
		}
	}
	return places
}

// cgroupDir finds where a cgroup is mounted: the mount point of its hierarchy, and its own directory.
func cgroupDir(mounts, fstype, controller, path string) (top, dir string) {
	for line := range strings.Lines(mounts) {
		before, after, ok := strings.Cut(line, " - ")
		fields, system := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(system) < 3 || system[0] != fstype {
			continue
		}
		if controller != "" && !slices.Contains(strings.Split(system[2], ","), controller) {
			continue
		}
		root, top := fields[3], unescapeMount.Replace(fields[4])
		rel, err := filepath.Rel(root, path)
		if err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
			rel = "." // a container that sees the host's path of its cgroup, and as mount its own
		}
		return top, filepath.Join(top, rel)
	}
	return "", ""
}

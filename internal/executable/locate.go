package executable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Locate finds the program NAME of a kind under opt: opt/kind/NAME, or opt/kind/NAME/NAME in a folder. An empty kind is opt
// itself. A symlink may lead anywhere inside opt, never out of it. exe is what to start.
func Locate(opt, kind, name string) (exe string, findings []Finding) {
	place := filepath.Join(opt, kind, name)
	info, err := os.Stat(place)
	if err == nil && info.IsDir() {
		folder := place
		place = filepath.Join(place, name)
		info, err = os.Stat(place)
		if errors.Is(err, fs.ErrNotExist) {
			return "", []Finding{{RuleNotFound, folder, fmt.Sprintf("it is a folder without an executable %s in it", name), "put the program at " + place}}
		}
	}
	if err != nil {
		return "", []Finding{notThere(place, err)}
	}
	if Outside(opt, place) {
		return "", []Finding{{RuleSymlink, place, "it is a symlink that leads out of " + opt, "pack the program itself"}}
	}
	switch {
	case !info.Mode().IsRegular():
		return "", []Finding{{RuleNotFound, place, "it is no regular file", ""}}
	case info.Mode()&0o111 == 0:
		return "", []Finding{{RuleNotExecutable, place, "it is not executable", "chmod +x it where the layer is packed, or pack with sor build-layer"}}
	}
	return place, nil
}

func notThere(place string, err error) Finding {
	if _, linkErr := os.Lstat(place); linkErr == nil {
		return Finding{RuleSymlink, place, "it is a symlink to something that is not there", "pack the program itself"}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return Finding{RuleNotFound, place, "it is not there", "add it to the layer, or take it off the list"}
	}
	return Finding{RuleNotFound, place, fmt.Sprintf("it can't be read: %v", err), ""}
}

// Outside says whether place, its links followed, is out of root.
func Outside(root, place string) bool {
	real, err := filepath.EvalSymlinks(place)
	if err != nil {
		return true
	}
	realRoot, err := filepath.EvalSymlinks(root)
	if err != nil {
		return true
	}
	rel, err := filepath.Rel(realRoot, real)
	return err != nil || rel == ".." || strings.HasPrefix(rel, "../")
}

// CheckFile inspects a located program as Check does.
func CheckFile(exe, arch string, find func(program string) bool) []Finding {
	file, err := os.Open(exe)
	if err != nil {
		return []Finding{{RuleNotFound, exe, fmt.Sprintf("it can't be read: %v", err), ""}}
	}
	defer file.Close()
	stat, err := file.Stat()
	if err != nil {
		return []Finding{{RuleNotFound, exe, fmt.Sprintf("it can't be read: %v", err), ""}}
	}
	info, err := Inspect(file, stat.Size())
	if err != nil {
		return []Finding{{RuleNoShebang, exe, err.Error(), "compile it anew"}}
	}
	return Check(exe, info, arch, find)
}

// OnPath makes a find for Check that looks for names in the folders of a PATH and for paths as they are.
func OnPath(list string) func(program string) bool {
	return func(program string) bool {
		if strings.Contains(program, "/") {
			_, err := os.Stat(program)
			return err == nil
		}
		return LookPath(list, program) != ""
	}
}

// LookPath gives the program of a name in the folders of a PATH, or "".
func LookPath(list, name string) string {
	for _, dir := range filepath.SplitList(list) {
		place := filepath.Join(dir, name)
		if info, err := os.Stat(place); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return place
		}
	}
	return ""
}

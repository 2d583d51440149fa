package config

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// networkMagic are the file systems whose locks or shared memory do not hold
// between machines (statfs(2)).
var networkMagic = map[int64]string{
	0x6969:     "NFS",
	0x517b:     "SMB",
	0xff534d42: "CIFS",
	0xfe534d42: "SMB2",
	0x564c:     "NCP",
	0x5346414f: "AFS",
	0x73757245: "Coda",
	0x00c36400: "Ceph",
	0x0bd00bd0: "Lustre",
	0x47504653: "GPFS",
}

const fuseMagic = 0x65735546

// fuseRemote are the file systems behind FUSE that reach over a network; an
// encrypted local folder is FUSE too, and welcome.
var fuseRemote = []string{"fuse.sshfs", "fuse.s3fs", "fuse.rclone", "fuse.glusterfs", "fuse.davfs", "fuse.ceph-fuse", "fuse.gcsfuse", "fuse.goofys", "fuse.curlftpfs", "fuse.juicefs"}

// network names the network file system that a directory is on, if it is.
func network(dir string) string {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return ""
	}
	magic := int64(stat.Type) & 0xffffffff
	if magic != fuseMagic {
		return networkMagic[magic]
	}
	if kind := mountType(dir); slices.Contains(fuseRemote, kind) {
		return strings.TrimPrefix(kind, "fuse.")
	}
	return ""
}

// mountType returns the type of the mount that holds a directory, from
// /proc/self/mountinfo: field 5 is the mount point, the type follows " - ".
func mountType(dir string) string {
	path, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	longest, kind := -1, ""
	for s := bufio.NewScanner(f); s.Scan(); {
		before, after, ok := strings.Cut(s.Text(), " - ")
		fields, types := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(types) == 0 {
			continue
		}
		// Of two mounts in one place the later one is seen.
		if point := fields[4]; within(path, point) && len(point) >= longest {
			longest, kind = len(point), types[0]
		}
	}
	return kind
}

// within reports whether a path is a mount point or lies below it.
func within(path, point string) bool {
	return point == "/" || path == point || strings.HasPrefix(path, point+"/")
}

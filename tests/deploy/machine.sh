#!/bin/sh
# A Debian 12 that boots its own systemd, in namespaces of its own and without a way out, from a folder.
#
#   machine.sh make FOLDER     makes it: apt, systemd, and nothing else
#   machine.sh boot FOLDER     boots it; this process is unshare, whose only child is its init
#   machine.sh clean NUMBER    removes the control groups of the machine that process NUMBER booted
set -eu

groups=latency-exporter-test

boot() { # FOLDER
    export MACHINE=$$ # stays the same, as each of these takes the place of the one before
    exec unshare --mount --propagation private sh "$0" inside_groups "$1"
}

# systemd needs a hierarchy of control groups; this one, without controllers, can be mounted beside all others.
inside_groups() { # FOLDER
    mount -t tmpfs tmpfs /mnt
    mount -t cgroup -o none,name=systemd cgroup /mnt
    mkdir "/mnt/$groups.$MACHINE"
    echo $$ >"/mnt/$groups.$MACHINE/cgroup.procs"
    exec unshare --mount --pid --fork --kill-child --uts --ipc --net --cgroup --propagation private sh "$0" inside "$1"
}

inside() { # FOLDER: as the first process of the namespaces
    ip link set lo up
    hostname machine
    cd "$1"
    mount --bind . .
    cd "$PWD" # into the mount
    mount -t proc proc proc
    mount -t sysfs sysfs sys
    mount -t tmpfs tmpfs sys/fs/cgroup
    mkdir sys/fs/cgroup/systemd
    mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
    mount -o remount,ro sys/fs/cgroup # or it would mount the others too
    mount -t tmpfs -o mode=755 tmpfs dev
    for device in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 "dev/${device%:*}" c 1 "${device#*:}"; done
    mknod -m 666 dev/tty c 5 0
    ln -s pts/ptmx dev/ptmx
    mkdir dev/shm
    mount -t tmpfs tmpfs dev/shm
    mount -t tmpfs -o mode=755 tmpfs run
    mount -t tmpfs tmpfs tmp
    mkdir -p old
    pivot_root . old
    umount -l /old
    exec env -i container=test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 /sbin/init
}

clean() { # NUMBER
    exec unshare --mount --propagation private sh -c 'mount -t cgroup -o none,name=systemd cgroup /mnt
        find "/mnt/$0" -depth -type d -exec rmdir {} +' "$groups.$1"
}

case $1 in
    make) sh "$(dirname "$0")/../fresh/root.sh" bare bookworm "$2" systemd-sysv ;;
    boot | inside_groups | inside | clean) "$@" ;;
esac

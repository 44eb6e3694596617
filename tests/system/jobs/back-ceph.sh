# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Runs in dom0: a stock Linux guest whose disks are an RBD image, an object in S3, and many objects in S3.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0"
. /usr/lib/vellum/job.sh
cd /run || exit 1
tar -xf /programs.tar -C / && rm /programs.tar
endpoint=http://10.0.2.2:$(cat /test/port)
sum=$(md5sum </test/seed | cut -d' ' -f1)
check "dom0 has its address" wait_for 30 sh -c 'ip -o -4 addr show dev eth0 | grep -q inet'
mkdir w
cat >w/work.sh <<'EOT'
sum() { dd if=$1 bs=64k count=128 iflag=direct 2>/dev/null | md5sum; }
for d in /sys/block/xvd*; do echo "SEES ${d##*/} $(($(cat $d/size) / 2048)) MiB, ro $(cat $d/ro), flush $(cat $d/queue/write_cache)"; done
echo "RESULT rbd $(sum /dev/xvda)"
dd if=/dev/xvda of=/dev/xvda bs=64k count=64 seek=128 oflag=direct conv=fsync 2>/dev/null
echo "RESULT rbd-back $(dd if=/dev/xvda bs=4k skip=2048 count=1024 iflag=direct 2>/dev/null | cmp -n 4194304 - /dev/xvda && echo same)"
echo "RESULT s3 $(sum /dev/xvdb)"
echo "RESULT s3-ro $(cat /sys/block/xvdb/ro)"
dd if=/dev/xvda of=/dev/xvdc bs=64k count=64 oflag=direct conv=fsync 2>/dev/null
echo "RESULT s3-back $(dd if=/dev/xvdc bs=64k count=64 iflag=direct 2>/dev/null | cmp -n 4194304 - /dev/xvda && echo same)"
echo "RESULT done yes"
EOT
{ zcat /guests/initrd; (cd w && echo work.sh | cpio -o -H newc 2>/dev/null); } >blk.initrd
{
    guest_cfg blk | sed 's|^ramdisk.*|ramdisk = "/run/blk.initrd"|; s|^extra.*|extra = "console=hvc0 stay job=sh%/work.sh"|'
    echo "disk = [ 'vdev=xvda,access=rw,target=rbd:rbd/disk:id=vellum',"
    echo "  'vdev=xvdb,access=ro,target=s3://disks/seed.img?endpoint=$endpoint',"
    echo "  'vdev=xvdc,access=rw,target=s3://disks/rw?endpoint=$endpoint&size=8M&object-size=64k' ]"
} >blk.cfg
result() { sed -n "s/.*RESULT $1 \([^ ]*\).*/\1/p" "$(console_of blk)" | tail -n 1 | tr -d '\r'; }
check "a guest with disks on RBD and S3 is created" $XL create -q blk.cfg
check "it reads and writes them" wait_for 300 console_has blk 'RESULT done yes'
same "an RBD image has the right content" "$(result rbd)" "$sum"
same "and keeps what is written" "$(result rbd-back)" same
same "an object in S3 has the right content" "$(result s3)" "$sum"
same "and can only be read" "$(result s3-ro)" 1
same "a disk in many objects keeps what is written" "$(result s3-back)" same
grep -a '^SEES' "$(console_of blk)" | sed 's/^/        /'
refused() { # WHAT TARGET WORDS
    check_not "$1 is refused" $XL block-attach blk "vdev=xvdd,access=ro,target=$2"
    cp /tmp/check.out refusal
    check "with the reason" grep -q "$3" refusal
}
refused "an RBD image that is not there" rbd:rbd/none:id=vellum "No such file"
refused "an object that is not there" "s3://disks/none?endpoint=$endpoint" "Not Found"
$XL destroy blk
servers() { ps | grep -E 'qemu-nbd|nbdkit|vellum-blkd' | grep -v grep; }
no_server() { ! servers; }
check "nothing is left of its servers" wait_for 20 no_server
cat /var/log/xen/vellum-blkd-*.log | head -n 20
job_end

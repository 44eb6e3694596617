# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# A driver domain serves another guest's disk: xl devd there brings the back-end up and takes it away.
. /usr/lib/vellum/job.sh
mkdir -p /run/drv/bin
cp "$(command -v xl)" /run/drv/bin/xl
cat >/run/drv/start <<'EOS'
for m in /drv/*.ko; do insmod $m; done
dd if=/dev/zero of=/d.img bs=1M count=8 2>/dev/null
cp /d.img /e.img
printf 'MARK-OF-THE-DRIVER' | dd of=/d.img conv=notrunc 2>/dev/null
mkdir -p /run/lock
/drv/bin/xl -vv devd -F 2>&1
EOS
cp /usr/share/drv/*.ko /run/drv/
(cat /guests/initrd; cd /run && find drv | cpio -o -H newc 2>/dev/null | gzip -1) >/run/drv.initrd
cat >/tmp/drv.cfg <<'EOC'
name = "drv"
kernel = "/guests/vmlinuz"
ramdisk = "/run/drv.initrd"
memory = 192
driver_domain = 1
extra = "console=hvc0 job=sh%/drv/start"
EOC
{
    printf 'name = "g"\nkernel = "/guests/vmlinuz"\nramdisk = "/guests/initrd"\nmemory = 128\n'
    printf 'extra = "console=hvc0 job=head%%-c%%18%%/dev/xvda stay"\n'
    printf 'disk = [ "/d.img,raw,xvda,rw,backend=drv" ]\n'
} >/tmp/g.cfg
check_not "a back-end's domain that is not there is refused" $XL create -q /tmp/g.cfg
check "create the driver domain" $XL create -q /tmp/drv.cfg
check "it comes up" wait_for 150 console_has drv '^GUEST up'
sleep 5
check "create a guest with a disk of it" $XL create -q /tmp/g.cfg
check "the guest reads the driver domain's disk" wait_for 150 console_has g 'MARK-OF-THE-DRIVER'
check "no loop device here" sh -c '[ -z "$(losetup -a)" ]'
drv=$($XL domid drv)
check "block-list names the back-end's domain" sh -c "$XL block-list g | awk 'NR == 2 { print \$2 }' | grep -qx $drv"
check_not "what the driver domain refuses" $XL block-attach g /d.img,raw,xvdc,ro,backend=drv
same "leaves nothing" "$($XL block-list g | tail -n +2 | wc -l)" 1
check "block-attach of another one" $XL block-attach g /e.img,raw,xvdb,ro,backend=drv
check "block-detach" $XL block-detach g xvdb
check "destroy the guest" $XL destroy g
check "the driver domain has no back-end left" wait_for 20 sh -c "! xenstore-list /local/domain/$drv/backend/vbd >/dev/null 2>&1"
check "destroy the driver domain" $XL destroy drv
tail -n 20 "$(console_of drv)" | sed 's/^/    drv: /'
check "xenstore holds nothing of them" sh -c '[ -z "$(xenstore-list /local/domain | grep -vx 0)" ]'
job_end

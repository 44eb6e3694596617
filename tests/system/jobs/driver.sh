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

# A back-end that hangs: its domain stands still.
hang() {
    $XL destroy g >/dev/null 2>&1
    $XL unpause drv
    wait_for 20 sh -c "! xenstore-list /local/domain/$drv/backend/vbd >/dev/null 2>&1"
    rm -f "$(console_of g)"
    $XL create -q /tmp/g.cfg && wait_for 150 console_has g 'MARK-OF-THE-DRIVER' && $XL pause drv
}
seconds() { began=$(cut -d. -f1 /proc/uptime); "$@" >/tmp/said 2>&1; rc=$?; took=$(($(cut -d. -f1 /proc/uptime) - began)); }
forgotten() { ! xenstore-ls -f /libxl | grep -q "device/vbd/51712" && ! xenstore-list "/local/domain/$drv/backend/vbd" >/dev/null 2>&1; }
check "a guest on a back-end that hangs" hang
seconds $XL block-detach g xvda
check "block-detach gives up after ten seconds ($took s, exit code $rc)" [ $rc != 0 -a $took -ge 9 -a $took -le 20 ]
check "in one line that names --force" sh -c '[ $(wc -l </tmp/said) = 1 ] && grep -q -- --force /tmp/said'
same "and keeps the disk" "$($XL block-list g | tail -n +2 | wc -l)" 1
seconds $XL block-detach --force g xvda
check "by force it goes ($took s, exit code $rc)" [ $rc = 0 -a $took -le 20 ]
sed 's/^/    /' /tmp/said
check "without a trace" forgotten
seconds $XL destroy g
check "the guest is destroyed ($took s)" [ $rc = 0 -a $took -le 5 ]
check "another one on it" hang
seconds $XL destroy g
check "a guest is destroyed all the same ($took s, exit code $rc)" [ $rc = 0 -a $took -ge 9 -a $took -le 20 ]
sed 's/^/    /' /tmp/said
check "it is gone" gone g
check "without a trace" forgotten
check "and another" hang
seconds xl-debian destroy g
echo "    Debian's xl does so in $took s, with exit code $rc:"
sed 's/^/    /' /tmp/said
$XL destroy g >/dev/null 2>&1
for d in $(xenstore-list /local/domain | grep -vx -e 0 -e "$drv"); do
    xenstore-ls -f "/local/domain/$d" | sed 's/^/    it leaves: /'
    xenstore-rm "/local/domain/$d"
done

check "destroy the driver domain" $XL destroy drv
tail -n 20 "$(console_of drv)" | sed 's/^/    drv: /'
check_store them
job_end

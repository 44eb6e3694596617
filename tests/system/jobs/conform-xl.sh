# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The same commands on the same guests with Debian's xl and with ours: outputs, exit codes and the store's tree must be
# the same, save what docs/xl.md lists (`known` below). Times, frame numbers, ports and domain ids are put aside first.
. /usr/lib/vellum/job.sh
mkdir -p /run/c
cd /run/c || exit 1

tiny() { printf 'name = "h"\nkernel = "/guests/tiny"\nmemory = 8\nvcpus = 1\ncpus = "0"\nuuid = "11111111-2222-3333-4444-666666666666"\n'; }
stock() {
    guest_cfg g 'vcpus = 1' 'maxvcpus = 2' 'maxmem = 160' 'uuid = "11111111-2222-3333-4444-555555555555"' \
        'disk = [ "/run/c/d.img,raw,xvda,rw" ]' 'vif = [ "mac=00:16:3e:01:02:03,bridge=xenbr0,script=/run/c/vif" ]'
}
tiny >h.cfg
stock >g.cfg
{ tiny; echo 'driver_domain = 1'; } >driver.cfg
# A hotplug script that notes what it was given.
cat >vif <<'EOV'
#!/bin/sh
echo "$* XENBUS_TYPE=$XENBUS_TYPE XENBUS_BASE_PATH=$XENBUS_BASE_PATH script=$script vif=$vif netdev=$netdev $XENBUS_PATH" >>/run/c/script
xenstore-write "$XENBUS_PATH/hotplug-status" connected
EOV
chmod +x vif
for f in d e; do dd if=/dev/zero of=$f.img bs=1M count=8 2>/dev/null; done

# The commands of a part; a line `! …` is a command of the shell. In part h a guest h stands paused, in part pools CPUs
# move between pools (it wants two), in part g a guest g runs Linux.
commands_h() {
    cat <<'EOC'
create -n h.cfg
create -n g.cfg
create -q -p h.cfg
list
list h
list -v
list -Z
list -c
list -n
list -l h
list -l
list nosuch
vm-list
domid h
domid nosuch
domname nosuch
uptime -s h
vcpu-list
vcpu-list h
vcpu-list nosuch
vcpu-pin h 0 0-1
vcpu-list h
vcpu-pin h 0 all 0
vcpu-list h
vcpu-pin h all 0 -
vcpu-list h
vcpu-pin h 5 0
vcpu-pin h 0 junk
vcpu-pin h 0 99
vcpu-set h 2
vcpu-set h 0
rename h h2
rename h2 Domain-0
list h2
rename h2 h
sched-credit
sched-credit -s
sched-credit -d h
sched-credit -d h -w 10
sched-credit2
sched-credit2 -d h -w 512
sched-credit2 -d h -c 50
sched-credit2 -d h -w 0
sched-credit2 -d h -w 70000
sched-credit2 -d h
sched-credit2 -s
sched-credit2 -s -r 1
sched-credit2 -p Pool-0
sched-credit2 -p nosuch
sched-rtds
cpupool-list
cpupool-list -c
cpupool-list nosuch
mem-set h 9999
mem-set h junk
mem-max h 20
mem-max h 5
list -l h
claims
sharing
sharing h
block-list h
network-list h
network-list nosuch
pci-list h
channel-list h
trigger h junk
sysrq h hh
sysrq nosuch h
! tree
pause h
list h
destroy 0
destroy nosuch
destroy h
list
create -q -p driver.cfg
! tree
destroy h
EOC
}
commands_pools() {
    cat <<'EOC'
create -q -p h.cfg
cpupool-cpu-remove Pool-0 1
cpupool-create name="p1" sched="credit2" cpus=["1"]
cpupool-list
cpupool-list -c
cpupool-create name="p1"
cpupool-create sched="credit2"
cpupool-create name="p3" sched="junk"
cpupool-create name="p3" cpus=["0"]
cpupool-migrate h p1
list -c
cpupool-rename p1 p2
cpupool-list
cpupool-destroy p2
cpupool-migrate h Pool-0
cpupool-destroy p2
cpupool-destroy nosuch
cpupool-cpu-add Pool-0 1
cpupool-list -c
destroy h
EOC
}
commands_g() {
    cat <<'EOC'
create -q g.cfg
! up
list
create -q g.cfg
block-list g
network-list g
vcpu-list g
! tree
network-attach g mac=00:16:3e:01:02:05 bridge=xenbr0 script=/run/c/vif
network-detach g 1
network-attach g mac=00:16:3e:01:02:04 bridge=xenbr0 script=/run/c/vif
! connected
network-attach g junk=1
network-list g
network-detach g 1
network-detach g 7
network-list g
block-attach g /run/c/none.img,raw,xvdc,w
block-attach g junk,junk,junk
block-detach g xvdz
vcpu-set g 1
! sleep 3
vcpu-list g
mem-set g 100
! sleep 3
list g
mem-set g 200
list -l g
sysrq g h
pause g
list g
unpause g
shutdown -w g
! sleep 3
list
! cat script
EOC
}
part=$(sed -n 's/.*conform\.part=\([a-z]*\).*/\1/p' /proc/cmdline)
least=$(sed -n 's/.*conform\.least=\([0-9]*\).*/\1/p' /proc/cmdline)

connected() { wait_for 20 sh -c 'xl-debian network-list g | grep -q "^1 .*00:16:3e:01:02:04 *1 *4 "'; }
up() { wait_for 150 console_has g '^GUEST up'; }
# What one xl has made of the store.
tree() { xenstore-ls -fp | grep -v '^/tool\|^/local/domain/0/memory\|asked-script' | LC_ALL=C sort; }

# play XL: goes through the commands; results in record.XL.
play() {
    XL=$1
    rm -f script "$(console_of g)"
    "commands_$part" | while read -r line; do
        echo "@@ $line"
        case $line in
        '! '*) ${line#! } 2>&1 ;;
        *) eval "$XL $(echo "$line" | sed 's/"/\\"/g; s/\[/\\[/g')" 2>err </dev/null || echo "@= $?" ;;
        esac
    done >"raw.$XL"
    # shellcheck disable=SC2013  # one id a word
    ids=$(grep -ao 'domid" *: *[0-9]*\|^/local/domain/[0-9]* \|^[gh]  *[0-9]*' "raw.$XL" | grep -o '[0-9]*' | grep -vx 0 | sort -nu | tail -n 20)
    # Times first: their seconds may be some domain's number. Whether a guest runs or waits is the moment's, too.
    sed -e 's/ \+[0-9]\+\.[0-9]\( \|$\)/ T\1/g' -e 's/ [r-][b-]\([p-][s-][c-][d-]\) / --\1 /' "raw.$XL" >"record.$XL"
    for id in $ids; do
        [ "$id" -lt 30 ] || sed -i "s:\(^\|[ /\"nr.=(f]\)$id\(\$\|[ /\",).]\):\1ID\2:g; s:\(^\|[ /\"nr.=(f]\)$id\(\$\|[ /\",).]\):\1ID\2:g" "record.$XL"
    done
    sed -i -e 's/\(ring-ref[0-9]*\|port\|event-channel[-a-z]*\|tty\|start_time\) = .*"/\1 = X/' \
        -e 's/^ [0-9:]* up .*,/ up,/' -e 's/"target_memkb": 78[0-9]*/"target_memkb": N/' "record.$XL"
}

# The blocks of two records, side by side: "same COMMAND" or "differs COMMAND", with what differs.
compare() {
    awk -v a="$1" -v b="$2" '
        function load(file, text, name,  line, n) {
            n = 0
            while ((getline line < file) > 0)
                if (line ~ /^@@ /) { n++; name[n] = substr(line, 4) } else text[n] = text[n] line "\n"
            return n
        }
        # Of a command that failed only the exit code counts: its words are ours.
        function essence(t) { return match(t, /@= [0-9]+\n$/) ? substr(t, RSTART) : t }
        BEGIN {
            n = load(a, ta, na); m = load(b, tb, nb)
            if (n != m) print "differs the number of commands " n " " m
            for (i = 1; i <= n; i++) {
                x = essence(ta[i]); y = essence(tb[i])
                print (x == y ? "same " : "differs ") na[i]
                if (x != y) { printf "%s", ta[i] > ("theirs." i); printf "%s", tb[i] > ("ours." i) }
            }
        }'
}

# What differs for a reason that docs/xl.md gives.
known() {
    case $1 in
    'cpupool-create name="p3" cpus='* | 'shutdown -w g') return 0 ;;
    *) return 1 ;;
    esac
}

# Domain ids beyond those that other numbers have.
n=0
printf 'name = "burn"\nkernel = "/guests/tiny"\nmemory = 8\n' >burn.cfg
while [ $n -lt 31 ]; do xl create -q -p -e burn.cfg && xl destroy burn; n=$((n + 1)); done
for x in xl-debian xl; do
    play $x
    xl-debian destroy h >/dev/null 2>&1
    xl-debian destroy g >/dev/null 2>&1
    echo "    $x has gone through, after $(cut -d' ' -f1 /proc/uptime) s"
done
compare record.xl-debian record.xl >verdicts
i=0
while read -r verdict what; do
    i=$((i + 1))
    if [ "$verdict" = same ]; then
        echo "$what" >>same
    elif known "$what"; then
        ok "differs as documented: $what"
    else
        fail "differs: $what"
        diff -U 1 "theirs.$i" "ours.$i" | tail -n +3 | head -n 60 | sed 's/^/    /'
    fi
done <verdicts
check "$(wc -l <same) commands have the same output and exit code ($least at least)" [ "$(wc -l <same)" -ge "$least" ]
job_end

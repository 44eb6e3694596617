# SPDX-License-Identifier: MIT
# dom0's user-space back-ends.
BACK_CPPFLAGS = -I$(srcdir)/pv-drivers/back -D__XEN_INTERFACE_VERSION__=__XEN_LATEST_INTERFACE_VERSION__ \
  -include $(srcdir)/pv-drivers/back/common/barrier.h $(XENGNTTAB_CFLAGS) $(XENSTORE_CFLAGS) $(LIBEVENT_CFLAGS) $(YAJL_CFLAGS)
BACK_CFLAGS = $(AM_CFLAGS) -O2 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2
BACK_COMMON = pv-drivers/back/common/arena.c pv-drivers/back/common/arena.h pv-drivers/back/common/barrier.h \
  pv-drivers/back/common/channel.c pv-drivers/back/common/channel.h pv-drivers/back/common/confine.c pv-drivers/back/common/confine.h \
  pv-drivers/back/common/daemon.c pv-drivers/back/common/daemon.h pv-drivers/back/common/keeper.c pv-drivers/back/common/keeper.h \
  pv-drivers/back/common/limit.h pv-drivers/back/common/log.c pv-drivers/back/common/log.h \
  pv-drivers/back/common/program.c pv-drivers/back/common/program.h \
  pv-drivers/back/common/stats.c pv-drivers/back/common/stats.h pv-drivers/back/common/peer-xen.c pv-drivers/back/common/peer.h pv-drivers/back/common/store.c pv-drivers/back/common/store.h
BACK_LIBS = $(XENGNTTAB_LIBS) $(XENEVTCHN_LIBS) $(XENSTORE_LIBS) $(LIBEVENT_LIBS) $(LIBSECCOMP_LIBS) $(YAJL_LIBS)

sbin_PROGRAMS += pv-drivers/back/vellum-blkd
pv_drivers_back_vellum_blkd_CPPFLAGS = $(BACK_CPPFLAGS) $(LIBURING_CFLAGS) $(LIBNBD_CFLAGS)
pv_drivers_back_vellum_blkd_CFLAGS = $(BACK_CFLAGS)
pv_drivers_back_vellum_blkd_LDADD = $(BACK_LIBS) $(LIBURING_LIBS) -ldl
pv_drivers_back_vellum_blkd_SOURCES = $(BACK_COMMON) \
  pv-drivers/back/blk/chain.c pv-drivers/back/blk/chain.h pv-drivers/back/blk/disk.c pv-drivers/back/blk/disk.h \
  pv-drivers/back/blk/grants.c pv-drivers/back/blk/grants.h pv-drivers/back/blk/image.c pv-drivers/back/blk/image.h \
  pv-drivers/back/blk/journal.c pv-drivers/back/blk/journal.h \
  pv-drivers/back/blk/libnbd-late.c pv-drivers/back/blk/libnbd-late.h pv-drivers/back/blk/loop.c pv-drivers/back/blk/loop.h \
  pv-drivers/back/blk/main.c pv-drivers/back/blk/mapping.c pv-drivers/back/blk/mapping.h pv-drivers/back/blk/medium-file.c pv-drivers/back/blk/medium-nbd.c pv-drivers/back/blk/medium.h \
  pv-drivers/back/blk/queue.c pv-drivers/back/blk/queue.h pv-drivers/back/blk/server.c pv-drivers/back/blk/server.h \
  pv-drivers/back/blk/address.c pv-drivers/back/blk/address.h \
  pv-drivers/back/blk/wire.h pv-drivers/back/blk/worker.c \
  pv-drivers/back/blk/worker.h

sbin_PROGRAMS += pv-drivers/back/vellum-netd
pv_drivers_back_vellum_netd_CPPFLAGS = $(BACK_CPPFLAGS)
pv_drivers_back_vellum_netd_CFLAGS = $(BACK_CFLAGS)
pv_drivers_back_vellum_netd_LDADD = $(BACK_LIBS)
pv_drivers_back_vellum_netd_SOURCES = $(BACK_COMMON) \
  pv-drivers/back/net/ctrl.c pv-drivers/back/net/hash.c pv-drivers/back/net/hash.h \
  pv-drivers/back/net/iface.c pv-drivers/back/net/iface.h pv-drivers/back/net/main.c pv-drivers/back/net/packet.c \
  pv-drivers/back/net/packet.h pv-drivers/back/net/rx.c pv-drivers/back/net/split.c pv-drivers/back/net/split.h pv-drivers/back/net/tap.c pv-drivers/back/net/tap.h \
  pv-drivers/back/net/tx.c pv-drivers/back/net/vif.c pv-drivers/back/net/vif.h pv-drivers/back/net/wire.h \
  pv-drivers/back/net/worker.c pv-drivers/back/net/worker.h
# A hotplug script, for both kinds of interfaces.
xenscriptdir = $(sysconfdir)/xen/scripts
dist_xenscript_SCRIPTS = pv-drivers/back/vif-vellum
dist_man_MANS += pv-drivers/back/vellum-blkd.8 pv-drivers/back/vellum-netd.8

# SPDX-License-Identifier: MIT
# The dom0 image. It is made on demand, since it downloads packages: `make image`.
EXTRA_DIST += .gitignore .ci/run CONTRIBUTING.md \
	dom0/build-image dom0/host.sh dom0/init dom0/files dom0/files-formats dom0/files-networks \
	dom0/modules dom0/modules-networks dom0/packages dom0/examples dom0/guest dom0/rootfs

# The two commands bear the names of targets, so they cannot stand in EXTRA_DIST.
dist-hook:
	cp -p $(srcdir)/run $(srcdir)/check $(distdir)/

image: all
	$(srcdir)/dom0/build-image . image
.PHONY: image

# SPDX-License-Identifier: MIT
hv_event_under_test = hypervisor/event/channel.c hypervisor/event/bind.c hypervisor/event/virq.c \
  hypervisor/event/fifo.c hypervisor/event/ops.c hypervisor/hypercall/event.c

check_PROGRAMS += tests/unit/hv-event
TESTS += tests/unit/hv-event
tests_unit_hv_event_SOURCES = tests/unit/hv-event.c tests/unit/hv-event-domains.c tests/unit/hv-event-domains.h tests/unit/hv-event.h \
  $(hv_event_under_test)
tests_unit_hv_event_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_hv_event_CFLAGS = $(UNIT_CFLAGS)
tests_unit_hv_event_LDADD = $(UNIT_LDADD)

check_PROGRAMS += tests/unit/hv-event-fifo
TESTS += tests/unit/hv-event-fifo
tests_unit_hv_event_fifo_SOURCES = tests/unit/hv-event-fifo.c tests/unit/hv-event.h $(hv_event_under_test)
tests_unit_hv_event_fifo_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_hv_event_fifo_CFLAGS = $(UNIT_CFLAGS)
tests_unit_hv_event_fifo_LDADD = $(UNIT_LDADD)

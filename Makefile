# SPDX-License-Identifier: GPL-2.0-or-later
# Targets: all setup test check-boot proof fuzz demo check-layers test-asan analyze valgrind coverage bench man format install uninstall
# clean (see README.md).
BUILD   ?= build
PREFIX  ?= /usr/local
MANDIR  ?= $(PREFIX)/share/man
UNITDIR ?= $(PREFIX)/lib/systemd/system
CFLAGS  ?= -O2 -g
VERSION := 0.1.0

PKGS     := libcurl libcrypto libxml-2.0 jansson blkid mount ext2fs com_err fuse3 libseccomp yaml-0.1 zlib liblzma \
	    libzstd liblz4
WARN     := -Wall -Wextra -Wshadow -Wvla -Wformat=2 -Wmissing-prototypes -Wstrict-prototypes -Wwrite-strings
CONVERT  := -Wconversion
HARDEN   := -fstack-protector-strong -fPIE $(if $(SAN),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
LINKHARD := -pie -Wl,-z,relro,-z,now -Wl,--as-needed
DEFS     := -std=gnu17 -D_GNU_SOURCE -DFUSE_USE_VERSION=35 -DVERSION='"$(VERSION)"' -I. -Itests/unit
# -isystem: warnings inside other people's headers are not ours to mend.
PKGFLAGS  = $(shell pkg-config --cflags $(PKGS) 2>/dev/null | sed 's/-I/-isystem /g')
ALLFLAGS  = $(DEFS) $(WARN) $(HARDEN) $(PKGFLAGS) $(CFLAGS) $(SAN) $(if $(CI),-Werror)
LIBS      = $(shell pkg-config --libs $(PKGS)) -pthread
SIMLIBS   = $(shell pkg-config --libs libmicrohttpd libcrypto jansson libxml-2.0 blkid) -pthread -lm

UNITS    := $(patsubst %.in,%,$(notdir $(wildcard systemd/*)))
LAYERS   := base fs ec2 net checks rescue
LIBSRC   := $(filter-out rescue/main.c,$(wildcard $(LAYERS:%=%/*.c)))
BASESRC  := $(wildcard base/*.c)
SIMSRC   := $(filter-out tests/cloud/test-% tests/cloud/tool-%,$(wildcard tests/cloud/*.c))
TESTSRC  := $(wildcard tests/*/test-*.c)
PROBESRC := $(wildcard tests/*/tool-*.c)
FUZZSRC  := $(wildcard tests/fuzz/fuzz-*.c)
FUZZHELP := $(filter-out $(FUZZSRC) tests/fuzz/driver.c,$(wildcard tests/fuzz/*.c))
OBJ       = $(patsubst %.c,$(BUILD)/%.o,$(1))
TESTS    := $(patsubst %.c,$(BUILD)/%,$(TESTSRC) $(PROBESRC))
FUZZERS  := $(patsubst %.c,$(BUILD)/%,$(FUZZSRC))
ALLOBJ   := $(call OBJ,$(LIBSRC) rescue/main.c $(SIMSRC) $(TESTSRC) $(PROBESRC) $(wildcard tests/fuzz/*.c))
Q        := $(if $(V),,@)

all: $(BUILD)/ec2-rescue $(BUILD)/ec2-sim

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	@$(if $(V),,echo "  CC    $<")
	$(Q)$(CC) $(ALLFLAGS) $(if $(filter base/% fs/% ec2/% net/%,$<),$(CONVERT)) -MMD -MP -c $< -o $@
$(BUILD)/librescue.a: $(call OBJ,$(LIBSRC))
	@rm -f $@
	$(Q)$(AR) rcs $@ $^
$(BUILD)/ec2-rescue: $(call OBJ,rescue/main.c $(LIBSRC))
	@$(if $(V),,echo "  LINK  $@")
	$(Q)$(CC) $(CFLAGS) $(SAN) $(LINKHARD) -o $@ $^ $(LIBS) $(LDFLAGS)
$(BUILD)/ec2-sim: $(call OBJ,$(SIMSRC) $(BASESRC))
	@$(if $(V),,echo "  LINK  $@")
	$(Q)$(CC) $(CFLAGS) $(SAN) $(LINKHARD) -o $@ $^ $(SIMLIBS) $(LDFLAGS)
$(TESTS): $(BUILD)/%: $(BUILD)/%.o $(BUILD)/librescue.a
	@$(if $(V),,echo "  LINK  $@")
	$(Q)$(CC) $(CFLAGS) $(SAN) $(LINKHARD) -o $@ $^ $(LIBS) -lcmocka $(LDFLAGS)
# An ordinary program that runs the inputs it is given; with FUZZER, clang's library makes them up.
$(FUZZERS): $(BUILD)/%: $(BUILD)/%.o $(call OBJ,$(FUZZHELP) $(if $(FUZZER),,tests/fuzz/driver.c)) $(BUILD)/librescue.a
	@$(if $(V),,echo "  LINK  $@")
	$(Q)$(CC) $(CFLAGS) $(SAN) $(FUZZER) $(LINKHARD) -o $@ $^ $(LIBS) $(LDFLAGS)

# Installs what is missing (Debian and Ubuntu); anywhere else it prints the package names and stops.
setup:
	@scripts/setup

test: setup
	@$(MAKE) --no-print-directory check
check: all $(TESTS) $(FUZZERS)
	@BUILD=$(BUILD) tests/run-tests $(if $(ONLY),'$(ONLY)')
test-asan: setup
	@$(MAKE) --no-print-directory BUILD=build-asan CFLAGS='-O1 -g' \
	  SAN='-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer' check
# Nothing is lost, whatever fails: laws over generated situations (tests/proof/README). BUDGET=SECONDS draws at random.
proof: setup
	@$(MAKE) --no-print-directory all $(TESTS)
	@BUILD=$(BUILD) BUDGET=$(BUDGET) SEED=$(SEED) tests/proof/run $(if $(ONLY),'$(ONLY)')
# Real boots of broken and repaired images (tests/boot/run): minutes each under emulation, so never part of the tests. ONLY=word.
check-boot: $(BUILD)/ec2-rescue
	@BUILD=$(BUILD) tests/boot/run $(if $(ONLY),'$(ONLY)')
# Inputs that nobody wrote: every target of tests/fuzz for SECONDS, JOBS of them at once (tests/fuzz/README).
fuzz:
	@scripts/setup fuzz
	@$(MAKE) --no-print-directory BUILD=build-fuzz CC=clang CFLAGS='-O1 -g' FUZZER=-fsanitize=fuzzer \
	  SAN='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer' fuzzers
	@BUILD=build-fuzz FUZZ_SECONDS=$(SECONDS) FUZZ_SEED=$(SEED) JOBS=$(JOBS) FUZZ_DIR='$(FUZZ_DIR)' tests/fuzz/run $(if $(ONLY),'$(ONLY)')
fuzzers: $(FUZZERS)
	@:

# The tools of the trade. What a tool finds in a file is kept beside the objects and made anew when the file, or a header
# of it, changes; findings are a failure.
ANALYZED := $(wildcard $(LAYERS:%=%/*.c) tests/*/*.c)
analyze:
	@scripts/setup
	@scripts/setup analyze
	@$(MAKE) --no-print-directory -j$$(nproc) BUILD=build-analyze CC=gcc findings
findings: $(ANALYZED:%=$(BUILD)/%.gcc) $(ANALYZED:%=$(BUILD)/%.tidy) $(BUILD)/cppcheck
	@scripts/findings $(BUILD) $(words $(ANALYZED))
$(BUILD)/%.c.gcc: %.c Makefile
	@mkdir -p $(@D)
	@$(if $(V),,echo "  GCC   $<")
	$(Q)$(CC) $(ALLFLAGS) $(if $(filter base/% fs/% ec2/% net/%,$<),$(CONVERT)) -fanalyzer -MMD -MP -MF $@.d -MT $@ \
	  -c $< -o /dev/null 2>$@.new || grep -q ' error: ' $@.new
	@mv $@.new $@
$(BUILD)/%.c.tidy: $(BUILD)/%.c.gcc .clang-tidy tests/.clang-tidy
	@$(if $(V),,echo "  TIDY  $*.c")
	$(Q)clang-tidy --quiet $*.c -- $(ALLFLAGS) >$@.new 2>$@.err || grep -q ' error: ' $@.new
	@mv $@.new $@
$(BUILD)/cppcheck: $(ANALYZED:%=$(BUILD)/%.gcc) scripts/cppcheck.xml scripts/cppcheck.cfg
	@mkdir -p $@.dir
	@$(if $(V),,echo "  CPPCHECK")
	$(Q)cppcheck --quiet --std=c11 --library=gnu --library=scripts/cppcheck.cfg --suppress-xml=scripts/cppcheck.xml \
	  --inline-suppr --enable=warning,performance,portability,style,unusedFunction --cppcheck-build-dir=$@.dir \
	  --template='{file}:{line}:{column}: warning: {message} [{id}]' --template-location='' \
	  $(filter-out -std=%,$(DEFS)) $(LAYERS) tests 2>$@.new
	@mv $@.new $@

valgrind:
	@scripts/setup
	@scripts/setup analyze
	@$(MAKE) --no-print-directory all $(TESTS)
	@BUILD=$(BUILD) tests/valgrind $(if $(ONLY),'$(ONLY)')

# Counters live in files that every process maps, so what was counted outlives kill -9, _exit, an empty environment, other
# users and the examiner's filter, and the code under test is the code that is shipped. ONLY=word, BUDGET=SECONDS of proofs.
coverage:
	@scripts/setup
	@scripts/setup analyze
	@rm -rf build-coverage/profiles && mkdir -p -m 1777 build-coverage/profiles
	@setfacl -d -m u::rw,g::rw,o::rw build-coverage/profiles
	@fail=0; run() { $(MAKE) --no-print-directory CC=clang BUILD=build-coverage CFLAGS='-O1 -g' SAN='-fcoverage-mapping \
	  -fprofile-instr-generate=$(CURDIR)/build-coverage/profiles/%m%c.profraw -mllvm -runtime-counter-relocation' \
	  "$$@" || fail=1; }; run check; $(if $(BUDGET),run proof;) scripts/coverage build-coverage && exit $$fail

demo: setup
	@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) scripts/demo
bench: setup
	@$(MAKE) --no-print-directory all $(BUILD)/tests/bench/tool-measure $(BUILD)/tests/bench/tool-download
	@BUILD=$(BUILD) tests/bench/run

# The arrows of ARCHITECTURE.md: a folder may include itself and what is listed here.
USES_base   := base
USES_fs     := base fs
USES_ec2    := base ec2
USES_net    := base ec2 net
USES_checks := base fs checks
USES_rescue := base fs ec2 net checks rescue
check-layers:
	@fail=0; for rule in $(foreach l,$(LAYERS),"$(l):$(USES_$(l))"); do \
	  folder=$${rule%%:*}; may=$$(echo "$${rule#*:}" | tr ' ' '|'); \
	  bad=$$(grep -nE '#include "' $$folder/*.[ch] 2>/dev/null | grep -vE "#include \"($$may)/" || true); \
	  [ -z "$$bad" ] || { echo "$$folder may include only $$may:"; echo "$$bad"; fail=1; }; \
	done; [ $$fail = 0 ] && echo "check-layers: the arrows hold"; exit $$fail

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

# The page's lists of commands, options, exit codes and checks come from the program's own tables.
$(BUILD)/ec2-rescue.8: man/ec2-rescue.8.in $(BUILD)/ec2-rescue
	$(Q)while IFS= read -r line; do case $$line in \
	  @*@) part=$${line#@}; $(BUILD)/ec2-rescue manual "$${part%@}" || exit 1 ;; \
	  *) printf '%s\n' "$$line" ;; esac; done <$< >$@.new && mv $@.new $@
man: $(BUILD)/ec2-rescue.8

install: all $(BUILD)/ec2-rescue.8
	install -D -m 755 $(BUILD)/ec2-rescue $(DESTDIR)$(PREFIX)/bin/ec2-rescue
	install -D -m 755 $(BUILD)/ec2-sim $(DESTDIR)$(PREFIX)/libexec/ec2-rescue/ec2-sim
	for f in drills/*; do install -D -m 755 $$f $(DESTDIR)$(PREFIX)/libexec/ec2-rescue/$$f; done
	cd tests && for f in $$(find patient -type f); do install -D $$f $(DESTDIR)$(PREFIX)/libexec/ec2-rescue/$$f; done
	install -D -m 644 $(BUILD)/ec2-rescue.8 $(DESTDIR)$(MANDIR)/man8/ec2-rescue.8
	mkdir -p $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(UNITDIR)
	for f in $(UNITS); do sed 's|@prefix@|$(PREFIX)|' systemd/$$f* >$(DESTDIR)$(UNITDIR)/$$f; done
	$(BUILD)/ec2-rescue completion >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/ec2-rescue
uninstall:
	rm -rf $(DESTDIR)$(PREFIX)/libexec/ec2-rescue
	rm -f $(DESTDIR)$(PREFIX)/bin/ec2-rescue $(DESTDIR)$(MANDIR)/man8/ec2-rescue.8 \
	  $(DESTDIR)$(PREFIX)/share/bash-completion/completions/ec2-rescue $(UNITS:%=$(DESTDIR)$(UNITDIR)/%)
clean:
	rm -rf build build-*

-include $(ALLOBJ:.o=.d) $(ANALYZED:%=$(BUILD)/%.gcc.d)
.PHONY: all man setup test check check-boot test-asan proof fuzz fuzzers analyze findings valgrind coverage demo bench check-layers format install uninstall clean
.SECONDARY:

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Saved iptables rules: reader and evaluator, then the checks. */
#include "checks/iptables_files.h"
#include "fs/lines.h"
#include "fs/shellvars.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/patient.h"

static const char *const files[] = { "/etc/sysconfig/iptables", "/etc/iptables/rules.v4",
				     "/etc/sysconfig/ip6tables", "/etc/iptables/rules.v6" };

static void evaluate(const struct str *text, bool is_v6)
{
	static const char *const ifaces[] = { "eth0" };
	const uint16_t ports[] = { 22 };
	const struct ipt_reading reading = { .text = text->s, .len = text->len, .is_v6 = is_v6 };
	struct ip addr;
	const struct ipt_host host = { .addrs = &addr,
				       .addr_count = 1,
				       .ifaces = ifaces,
				       .iface_count = 1,
				       .ports = ports,
				       .port_count = 1 };
	cleanup(ipt_rules_done) struct ipt_rules rules = { 0 };
	struct ipt_reach reach = { 0 };

	ip_parse(is_v6 ? "fd00::5" : "10.0.1.5", &addr);
	ipt_rules_read(&reading, &rules);
	vec_foreach (problem, &rules.problems) {
		if (problem->line > lines_count(text->s, text->len))
			fuzz_broken("a problem in line %u, which is not there", problem->line);
		fuzz_printable("a problem", problem->text, false);
	}
	ipt_reach(&rules, &host, 22, &reach);
	/* Being blocked needs somebody who blocks. */
	if (reach.outside == IPT_BLOCKED && reach.inside == IPT_BLOCKED &&
	    reach.other == IPT_BLOCKED && !reach.stop.packet)
		fuzz_broken("blocked, but by nothing");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const checks_meant[] = { "iptables-", NULL };
	cleanup(patient_done) struct patient patient;
	struct err ignored;

	patient_read(data, size, &patient);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		cleanup(str_done) struct str text = STR_INIT;

		if (!tree_read(patient.tree, files[i], TREE_FILE_MAX, &text, &ignored))
			evaluate(&text, i >= 2);
	}
	patient_law(&patient, checks_meant);
	return 0;
}

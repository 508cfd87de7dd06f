/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Saved rules of the real world, and mutations of them: what we say is refused, both backends of
 * the real iptables-restore refuse; what we repair, they load. CORPUS names the folder. */
#include "base/proc.h"
#include "checks/iptables_eval.h"
#include "tests/checks/scratch.h"

#include <stdarg.h>

static unsigned tests_run, tests_failed;

static void __attribute__((format(printf, 2, 3))) say(bool ok, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %u - ", ok ? "" : "not ", ++tests_run);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	tests_failed += !ok;
}

/* Does the program refuse the text? First as a test, then really, for the kernel has its say too;
 * each time in a network namespace of its own. */
static bool refuses(const char *program, const struct str *text)
{
	for (int i = 0; i < 2; i++) {
		cleanup(proc_result_done) struct proc_result result = PROC_RESULT_INIT;
		const char *argv[] = { "unshare", "-n", program, i ? NULL : "--test", NULL };
		const struct proc_run run = {
			.argv = argv, .input = text->s, .input_len = text->len, .deadline_s = 30
		};
		struct err err = ERR_INIT;

		if (proc_run(&run, &result, &err) < 0) {
			printf("# %s\n", err.text);
			return false;
		}
		if (result.status)
			return true;
	}
	return false;
}

static bool both_refuse(const struct str *text, bool is_v6)
{
	return refuses(is_v6 ? "ip6tables-nft-restore" : "iptables-nft-restore", text) &&
	       refuses(is_v6 ? "ip6tables-legacy-restore" : "iptables-legacy-restore", text);
}

static void read_rules(const struct str *text, bool is_v6, struct ipt_rules *ret)
{
	static struct str services = STR_INIT, protocols = STR_INIT;
	struct err err = ERR_INIT;

	if (!services.len && (file_read("/etc/services", 1 << 20, &services, &err) < 0 ||
			      file_read("/etc/protocols", 1 << 20, &protocols, &err) < 0))
		err_clear(&err); /* then names stay unknown */
	const struct ipt_reading reading = { .text = text->s,
					     .len = text->len,
					     .is_v6 = is_v6,
					     .refuses_old_negation = true,
					     .services = services.len ? &services : NULL,
					     .protocols = protocols.len ? &protocols : NULL };

	ipt_rules_read(&reading, ret);
}

/* --- one file: as it is, in a small system, and repaired ----------------------------------- */

static void judge_file(const struct str *text, bool is_v6, const char *name, bool is_live,
		       unsigned *found)
{
	cleanup(ipt_rules_done) struct ipt_rules rules = { 0 };

	read_rules(text, is_v6, &rules);
	if (!is_live) {
		say(true, "%s is read", name);
		return;
	}
	if (!rules.problems.count) {
		say(true, "%s: nothing claimed", name);
		return;
	}
	*found += 1;
	say(both_refuse(text, is_v6), "%s: line %u: %s", name, rules.problems.items[0].line,
	    rules.problems.items[0].text);
}

/* The checks on a system that loads this file; the repaired file must load and let sshd in. */
static void repair_file(const struct str *text, const char *name, bool is_live)
{
	struct scratch s;
	cleanup(findings_done) struct findings findings = { 0 };
	cleanup(edits_done) struct edits edits = { 0 };
	struct could_not_tells unknown = { 0 };
	struct patch patch = { 0 };
	struct err err = ERR_INIT;
	bool ok = true;

	scratch_open(&s);
	scratch_text(&s, "/etc/os-release", "ID=centos\nVERSION_ID=7\n");
	scratch_text(&s, "/etc/ssh/sshd_config", "Port 22\n");
	scratch_enable(&s, "iptables.service");
	scratch_write(&s, "/etc/sysconfig/iptables", text->s, text->len);
	{
		const struct machine_given given = { .tree = s.tree };
		cleanup(machine_free) struct machine *machine = machine_new(&given);

		check_run(check_find("iptables-ssh"), machine, &findings, &unknown);
		check_run(check_find("iptables-syntax"), machine, &findings, &unknown);
	}
	vec_foreach (finding, &findings) {
		if (str_eq(finding->check->name, "iptables-ssh"))
			edits_add_all(&edits, &finding->edits);
		if (finding->repair == REPAIR_NONE && finding->severity > SEVERITY_NOTE)
			printf("# no repair: %s\n", finding->message);
	}
	if (edits.count) {
		cleanup(ipt_rules_done) struct ipt_rules rules = { 0 };
		cleanup(str_done) struct str after = STR_INIT;
		static const uint16_t port = 22;
		const struct ipt_host host = { .ports = &port, .port_count = 1 };
		struct ipt_reach reach;

		ok = !patch_make(s.tree, &edits, &patch, &err) &&
		     !patch_apply(s.tree, &patch, &err) &&
		     !tree_read(s.tree, "/etc/sysconfig/iptables", TREE_FILE_MAX, &after, &err);
		read_rules(&after, false, &rules);
		ipt_reach(&rules, &host, 22, &reach);
		ok = ok && reach.outside != IPT_BLOCKED && reach.inside != IPT_BLOCKED;
		if (is_live && !both_refuse(text, false))
			ok = ok && !refuses("iptables-nft-restore", &after);
		if (ok && is_live && !refuses("iptables-legacy-restore", text))
			ok = !refuses("iptables-legacy-restore", &after);
		patch_done(&patch);
	}
	say(ok, "%s in a small system%s %s", name, edits.count ? ", repaired" : "", err.text);
	vec_foreach (u, &unknown)
		printf("# could not tell: %s\n", u->err.text);
	vec_done(&unknown);
	scratch_close(&s);
}

/* --- mutations ----------------------------------------------------------------------------- */

static uint32_t seed = 20241122;

static uint32_t pick(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

/* One word of the line dropped, doubled, swapped or bent. */
static void mutate(const char *line, struct str *into)
{
	static const char *const extras[] = { "!",  "--dport",	   "22",      "-p",   "tcp",
					      "-s", "10.0.0.0/33", "-j",      "DROP", "--foo",
					      "-m", "state",	   "--state", "NEW",  "300.1.1.1",
					      "-i", "eth0",	   "\"" };
	cleanup(free) char *copy = mem_strdup(line);
	char *words[64], *save = NULL;
	size_t n = 0, at;

	for (char *w = strtok_r(copy, " \n", &save); w && n < 63; w = strtok_r(NULL, " \n", &save))
		words[n++] = w;
	if (n < 3)
		return;
	at = 2 + pick((uint32_t)n - 2);
	switch (pick(5)) {
	case 0: /* drop */
		memmove(words + at, words + at + 1, (--n - at) * sizeof(*words));
		break;
	case 1: /* double */
		memmove(words + at + 1, words + at, (n++ - at) * sizeof(*words));
		break;
	case 2: /* bend a letter */
		words[at][pick((uint32_t)strlen(words[at]))] = "x0:/,-!"[pick(7)];
		break;
	case 3: /* another word instead */
		words[at] = (char *)(uintptr_t)extras[pick(ARRAY_LEN(extras))];
		break;
	default: /* cut */
		words[at][strlen(words[at]) - 1] = '\0';
		break;
	}
	for (size_t i = 0; i < n; i++)
		str_addf(into, "%s%s", i ? " " : "", words[i]);
	str_add_char(into, '\n');
}

static void judge_mutations(void)
{
	static const char *const lines[] = {
		"-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT",
		"-A INPUT -s 10.0.0.0/8 -i eth0 -p tcp -m state --state NEW -m tcp --dport 22 -j "
		"ONE",
		"-A INPUT -p tcp -m multiport --dports 22,80:90,443 -m comment --comment x -j "
		"ACCEPT",
		"-A OUTPUT -o eth0 -p tcp --sport 22 -m conntrack --ctstate ESTABLISHED -j ACCEPT",
		"-A INPUT ! -s 192.168.0.0/255.255.0.0 -p udp --dport 53 -j REJECT --reject-with "
		"tcp-reset",
		"-A INPUT -p icmp -m icmp --icmp-type 8 -m limit --limit 5/s --limit-burst 9 -j "
		"LOG",
		"-A INPUT -m iprange --src-range 10.0.0.1-10.0.0.9 -m addrtype --dst-type LOCAL -g "
		"ONE",
		"-A INPUT -p tcp --tcp-flags SYN,RST SYN ! --syn -m mark --mark 0x1/0xff -j DROP",
		"-A ONE -p tcp -m recent --name ssh --rcheck --seconds 60 --hitcount 4 -j DROP",
		"-I INPUT 1 -p 6 --destination-port ssh -j ACCEPT",
	};
	const char *count_text = getenv("MUTATIONS"), *seed_text = getenv("SEED");
	unsigned count = count_text ? (unsigned)strtoul(count_text, NULL, 10) : 200;
	unsigned claimed = 0, wrong = 0, refused = 0;

	if (seed_text)
		seed = (uint32_t)strtoul(seed_text, NULL, 10);
	for (unsigned i = 0; i < count; i++) {
		cleanup(str_done) struct str text = STR_INIT;
		cleanup(ipt_rules_done) struct ipt_rules rules = { 0 };
		bool is_refused;

		str_add(&text, "*filter\n:INPUT ACCEPT [0:0]\n:ONE - [0:0]\n");
		mutate(lines[pick(ARRAY_LEN(lines))], &text);
		str_add(&text, "COMMIT\n");
		read_rules(&text, false, &rules);
		if (!rules.problems.count && i % 4) /* look at some of the others too */
			continue;
		is_refused = both_refuse(&text, false);
		refused += is_refused;
		claimed += rules.problems.count > 0;
		if (rules.problems.count && !is_refused) {
			wrong++;
			printf("# claimed: %s\n# %s", rules.problems.items[0].text,
			       strchr(strchr(text.s, '\n') + 24, '\n') + 1);
		}
		if (!rules.problems.count && is_refused)
			printf("# missed: %s",
			       strstr(text.s, "[0:0]\n-") ? strstr(text.s, "\n-") + 1 : text.s);
	}
	say(wrong == 0 && claimed > count / 5,
	    "mutated lines: %u refusals claimed, %u of them wrong; %u refused", claimed, wrong,
	    refused);
}

int main(void)
{
	const char *corpus = getenv("CORPUS") ? getenv("CORPUS") : "../shared/corpus";
	cleanup(free) char *oracle = mem_printf("%s/ORACLE.tsv", corpus);
	cleanup(str_done) struct str table = STR_INIT;
	struct err err = ERR_INIT;
	bool is_live = geteuid() == 0 && proc_have("iptables-nft-restore") &&
		       proc_have("iptables-legacy-restore") && proc_have("unshare");
	const char *at;
	char *line, *fields[12];
	unsigned found = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (file_read(oracle, 1 << 22, &table, &err) < 0) {
		printf("ok %u - the corpus of iptables rules # SKIP %s is not there\n", ++tests_run,
		       corpus);
		table.len = 0;
	}
	for (at = table.s; table.len && scratch_row(&at, &line, fields);) {
		cleanup(free) char *path = mem_printf("%s/%s", corpus, fields[1]);
		cleanup(str_done) struct str text = STR_INIT;
		bool is_v6 = str_starts(fields[2], "ip6tables-restore");

		if (str_eq(fields[0], "iptables") &&
		    (is_v6 || str_starts(fields[2], "iptables-restore-1")) &&
		    strstr(fields[2], "(nft)") && !file_read(path, 16 << 20, &text, &err)) {
			judge_file(&text, is_v6, fields[1], is_live, &found);
			if (!is_v6)
				repair_file(&text, fields[1], is_live);
		}
		free(line);
	}
	printf("# refusals found in the corpus: %u\n", found);
	if (is_live)
		judge_mutations();
	else
		printf("ok %u - mutated rules # SKIP needs root, unshare and both "
		       "iptables-restore\n",
		       ++tests_run);
	printf("1..%u\n", tests_run);
	return tests_failed > 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rule sets of the real world, and mutations of them, in a small system: what we say nft refuses, it
 * refuses; where we say that nobody gets in, a client in another network namespace does not, and it
 * does once the rule set is repaired. CORPUS names the folder; MUTATIONS and SEED change the rest. */
#include "base/proc.h"
#include "checks/nft.h"
#include "tests/checks/scratch.h"

#include <glob.h>
#include <stdarg.h>

#define CONF "/etc/nftables.conf"

static unsigned tests_run, tests_failed;
static unsigned claimed_refused, claimed_blocked, repaired, wrong;

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

static uint32_t seed = 20241122;

static uint32_t pick(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

static bool nft_loads(const struct str *text)
{
	cleanup(proc_result_done) struct proc_result result = PROC_RESULT_INIT;
	const char *argv[] = { "unshare", "-n", "nft", "-f", "-", NULL };
	const struct proc_run run = {
		.argv = argv, .input = text->s, .input_len = text->len, .deadline_s = 30
	};
	struct err err = ERR_INIT;

	return !proc_run(&run, &result, &err) && !result.status;
}

/* Does a client get its answer? */
static bool is_reached(const struct str *text)
{
	cleanup(proc_result_done) struct proc_result result = PROC_RESULT_INIT;
	char path[] = "/tmp/test-corpus-nftables-XXXXXX";
	const char *argv[] = { "unshare", "-mn", "bash", "tests/checks/reached.sh", "22", path,
			       "nft",	  "-f",	 NULL };
	const struct proc_run run = { .argv = argv, .deadline_s = 60 };
	struct err err = ERR_INIT;
	int fd = mkstemp(path);
	bool is_it;

	if (fd < 0 || write(fd, text->s, text->len) != (ssize_t)text->len)
		return false;
	close(fd);
	is_it = !proc_run(&run, &result, &err) && str_starts(result.out.s, "yes");
	unlink(path);
	return is_it;
}

static void complain(const char *what, const struct str *text)
{
	wrong++;
	printf("# %s\n", what);
	for (const char *at = text->s; *at; at += strcspn(at, "\n"), at += *at == '\n')
		printf("#   %.*s\n", (int)strcspn(at, "\n"), at);
}

static void judge_blocked(struct scratch *s, const struct finding *finding, const struct str *text)
{
	struct patch patch = { 0 };
	struct err err = ERR_INIT;
	cleanup(str_done) struct str after = STR_INIT;

	if (!nft_loads(text)) {
		/* A refusal that we did not see: nobody is locked out, but we said so. */
		complain("blocked, it is said, but nft does not even load it", text);
		return;
	}
	claimed_blocked++;
	if (is_reached(text))
		complain("blocked, it is said, but a client gets in", text);
	if (finding->repair == REPAIR_NONE)
		return;
	if (patch_make(s->tree, &finding->edits, &patch, &err) < 0 ||
	    patch_apply(s->tree, &patch, &err) < 0 ||
	    tree_read(s->tree, CONF, TREE_FILE_MAX, &after, &err) < 0)
		complain(err.text, text);
	else if (!nft_loads(&after))
		complain("repaired, nft does not load it", &after);
	else if (!is_reached(&after))
		complain("repaired, a client does not get in", &after);
	else
		repaired++;
	patch_done(&patch);
}

static void judge(const struct str *text)
{
	struct scratch s;
	cleanup(findings_done) struct findings findings = { 0 };
	struct could_not_tells unknown = { 0 };

	scratch_open(&s);
	scratch_text(&s, "/etc/ssh/sshd_config", "Port 22\n");
	scratch_text(&s, "/usr/lib/systemd/system/nftables.service",
		     "[Service]\nExecStart=/usr/sbin/nft -f " CONF "\n");
	scratch_text(&s, "/etc/systemd/system/multi-user.target.wants/nftables.service", "");
	scratch_write(&s, CONF, text->s, text->len);
	{
		const struct machine_given given = { .tree = s.tree };
		cleanup(machine_free) struct machine *machine = machine_new(&given);

		check_run(check_find("nftables-ssh"), machine, &findings, &unknown);
	}
	vec_foreach (finding, &findings)
		if (finding->severity == SEVERITY_NOTE) {
			claimed_refused++;
			if (nft_loads(text))
				complain(finding->message, text);
		} else
			judge_blocked(&s, finding, text);
	vec_done(&unknown);
	scratch_close(&s);
}

/* A line dropped or doubled, or a word bent: ssh's rule is hit more often than others. */
static void mutate(const struct str *text, struct str *into)
{
	const char *line = text->s;
	uint32_t lines = 0, victim;
	bool wants_ssh = pick(2);

	for (const char *p = text->s; *p; p++)
		lines += *p == '\n';
	victim = lines ? pick(lines) : 0;
	for (uint32_t i = 0; *line; i++) {
		size_t len = strcspn(line, "\n") + 1;
		bool is_ssh = memmem(line, len, " 22 ", 4) || memmem(line, len, "ssh", 3) ||
			      memmem(line, len, " 22,", 4);

		len -= line[len - 1] == '\0';
		if (is_ssh && wants_ssh && !memchr(line, '{', len))
			; /* dropped */
		else if (i == victim && pick(2) && !memchr(line, '{', len) &&
			 !memchr(line, '}', len))
			; /* dropped */
		else if (is_ssh && wants_ssh) {
			const char *at = memmem(line, len, "22", 2);

			at = at ? at : memmem(line, len, "ssh", 3);
			str_add_bytes(into, line, at ? (size_t)(at - line) : len);
			if (at) {
				str_add(into, "2022");
				at += *at == 's' ? 3 : 2;
				str_add_bytes(into, at, len - (size_t)(at - line));
			}
		} else
			str_add_bytes(into, line, len);
		line += len;
	}
}

int main(void)
{
	const char *corpus = getenv("CORPUS") ? getenv("CORPUS") : "../shared/corpus";
	const char *count_text = getenv("MUTATIONS"), *seed_text = getenv("SEED");
	unsigned count = count_text ? (unsigned)strtoul(count_text, NULL, 10) : 150;
	cleanup(free) char *pattern = mem_printf("%s/nftables/*", corpus);
	glob_t files = { 0 };
	struct err err = ERR_INIT;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (geteuid() || !proc_have("nft") || !proc_have("unshare") ||
	    glob(pattern, 0, NULL, &files) || !files.gl_pathc) {
		printf("1..1\nok 1 - the corpus of nftables # SKIP no root, no nft, or no %s\n",
		       corpus);
		return 0;
	}
	if (seed_text)
		seed = (uint32_t)strtoul(seed_text, NULL, 10);
	for (size_t i = 0; i < files.gl_pathc + count; i++) {
		const char *path =
			files.gl_pathv[i < files.gl_pathc ? i : pick((uint32_t)files.gl_pathc)];
		cleanup(str_done) struct str text = STR_INIT, bent = STR_INIT;
		unsigned before = wrong;

		if (file_read(path, 1 << 20, &text, &err) < 0)
			continue;
		if (i >= files.gl_pathc) {
			/* Of users or interfaces that are not here nothing can be compared. */
			if (!nft_loads(&text))
				continue;
			mutate(&text, &bent);
		}
		judge(i < files.gl_pathc ? &text : &bent);
		if (i < files.gl_pathc || wrong > before)
			say(wrong == before, "%s%s", path, i < files.gl_pathc ? "" : ", bent");
	}
	say(!wrong && claimed_blocked > 3,
	    "%u said to be refused, %u to let nobody in (%u of them repaired), %u wrong",
	    claimed_refused, claimed_blocked, repaired, wrong);
	globfree(&files);
	printf("1..%u\n", tests_run);
	return tests_failed ? 1 : 0;
}

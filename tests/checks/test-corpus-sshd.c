/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reader of sshd_config against the real one: `sshd -t` over real-world files, and over small
 * damages of them and of a made-up file, the same damages every time. */
#include "base/file.h"
#include "base/proc.h"
#include "checks/sshd_conf.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define SSHD "/usr/sbin/sshd"

static char dir[] = "/tmp/test-corpus-sshd.XXXXXX";
static unsigned tests_run, tests_failed;
static struct str report = STR_INIT;

static void test(bool ok, const char *name)
{
	printf("%s %u - %s\n", ok ? "ok" : "not ok", ++tests_run, name);
	tests_failed += !ok;
	for (char *p = report.s, *line; (line = strsep(&p, "\n")) && *line;)
		printf("# %s\n", line);
	str_clear(&report);
}

static char *in_dir(const char *name)
{
	return mem_printf("%s/%s", dir, name);
}

static void put(const char *name, const char *bytes, size_t len)
{
	cleanup(free) char *path = in_dir(name);
	FILE *f = fopen(path, "w");

	if (!f || fwrite(bytes, 1, len, f) != len || fclose(f)) {
		printf("Bail out! %s cannot be written\n", path);
		exit(1);
	}
}

/* What the real sshd says: 0 accepts, 1 refuses, with its words. */
static int real_verdict(struct str *words)
{
	cleanup(free) char *config = in_dir("etc/ssh/sshd_config");
	cleanup(free) char *key = in_dir("hostkey");
	const char *argv[] = { SSHD, "-t", "-f", config, "-h", key, NULL };
	struct proc_run run = { .argv = argv, .deadline_s = 20 };
	cleanup(proc_result_done) struct proc_result result = PROC_RESULT_INIT;
	struct err err = ERR_INIT;

	str_clear(words);
	if (proc_run(&run, &result, &err) < 0) {
		str_add(words, err.text);
		return -1;
	}
	str_add_escaped(words, result.errout.s, result.errout.len);
	return result.status != 0;
}

/* What we say. */
static int our_verdict(struct str *words)
{
	struct err err = ERR_INIT;
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), verdict = 0;
	cleanup(tree_close) struct tree *tree = NULL;
	cleanup(machine_free) struct machine *machine = NULL;
	cleanup(sshd_conf_free) struct sshd_conf *conf = NULL;

	str_clear(words);
	if (tree_open_dir(fd, &tree, &err) < 0)
		goto failed;
	machine = machine_new(&(struct machine_given){ .tree = tree });
	if (sshd_conf_read(machine, &conf, &err) < 0 || !conf)
		goto failed;
	vec_foreach (d, &conf->directives) {
		if (!d->fatal)
			continue;
		str_addf(words, "line %u: %s; ", d->line, d->fatal);
		verdict = 1;
	}
	close(fd);
	return verdict;
failed:
	str_add(words, err.text);
	close(fd);
	return -1;
}

/* Refusals that no line is the cause of: about the host, or about options that only together make
 * no sense (their checks are others). */
static bool is_elsewhere(const char *words)
{
	return strstr(words, "bad addr or host") || strstr(words, "cannot be satisfied") ||
	       strstr(words, "no hostkeys available") || strstr(words, "No such file or directory");
}

/* One file through both. 0: they agree. */
static int compare(const char *name, const char *bytes, size_t len)
{
	cleanup(str_done) struct str theirs = STR_INIT, ours = STR_INIT;

	put("etc/ssh/sshd_config", bytes, len);
	int real = real_verdict(&theirs), our = our_verdict(&ours);
	if (real == our || (real == 1 && our == 0 && is_elsewhere(theirs.s)))
		return 0;
	str_addf(&report, "%s: sshd says %d (%.300s), we say %d (%.300s)\n", name, real, theirs.s,
		 our, ours.s);
	return 1;
}

static uint32_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 33);
}

static const char *const odd_values[] = {
	"maybe",
	"-1",
	"0",
	"10m",
	"none",
	"any",
	"YES",
	"65536",
	"\"two words\"",
	"'open",
	"a,b",
	"+aes128-ctr",
	"-aes*",
	"^ssh-rsa",
	"/bin/true",
	"10.0.0.1/8",
	"::1",
	"[::1]:22",
	"22 22",
	"host:ssh",
	"1:2",
	"10:30:100",
	"100:30:10",
	"",
	"=",
	"= yes",
	"yes#no",
	"no # yes",
	"08",
	"1.5",
	"1G",
	"1x",
	"publickey,none",
	"any publickey",
	"A=B",
	"user@10.0.0.0/8",
	"a\\ b",
	"\"\"",
	"none none",
	"5k 1h",
	"999999999999",
	"ssh-ed25519,nonsense",
	"ecdsa*",
	"ED25519",
};
static const char *const odd_lines[] = {
	"Match User bob\n",
	"Match all\n",
	"Match Address 10.0.0.1/8\n",
	"Match User=bob Group=wheel\n",
	"Match\n",
	"Match Colour red\n",
	"Match User\n",
	"Match all User bob\n",
	"Match Host *.x #c\n",
	"=====\n",
	"====\n=x\n",
	"\xef\xbb\xbf#\n",
	"Subsystem sftp internal-sftp\n",
	"Port 22\n",
	"Port 0\n",
	"Include /nonexistent/*.conf\n",
	"Include\n",
	"AuthorizedKeysCommand foo\n",
	"ListenAddress 1.2.3.4.5\n",
	"  \t# comment\n",
	"\r\n",
	"Banner none extra\n",
	"UseLogin foo\n",
	"UsePAM\n",
	"ForceCommand \"x\n",
	"RDomain x\n",
	"IPQoS lowdelay throughput\n",
	"IPQoS none 0x10 x\n",
	"PermitTunnel Yes\n",
	"LogLevel debug4\n",
	"\"Port\" 22\n",
	"PermitListen 8080\n",
	"PermitOpen 8080\n",
	"SetEnv A\n",
	"AcceptEnv A=B\n",
	"RekeyLimit 1\n",
	"AuthorizedKeysFile # none\n",
	"AllowUsers # none\n",
	"StreamLocalBindMask 0888\n",
	"PerSourceNetBlockSize 33\n",
	"FingerprintHash crc\n",
	"LogVerbose none a\n",
	"PubkeyAuthOptions touch\n",
	"ChallengeResponseAuthentication perhaps\n",
	"Protocol 1,2\n",
	"HostKeyAgent x y\n",
	"AllowGroups \"\"\n",
	"X11DisplayOffset ten\n",
	"ClientAliveInterval 1h30\n",
};

/* Damages one line of the file, or puts a strange one before it. */
static void damage(const char *bytes, size_t len, uint64_t *seed, struct str *into)
{
	size_t lines = 0, at = 0;
	const char *end = bytes + len, *p = bytes;
	const char *keyword;

	for (const char *q = bytes; q < end; q++)
		lines += *q == '\n' && q + 1 < end && q[1] != '#' && q[1] != '\n';
	size_t wanted = lines ? next_random(seed) % lines : 0;
	for (; p < end && at < wanted; p++)
		at += *p == '\n' && p + 1 < end && p[1] != '#' && p[1] != '\n';
	const char *stop = memchr(p, '\n', (size_t)(end - p));
	stop = stop ? stop : end;
	size_t n = (size_t)(stop - p), word = strcspn(p, " \t=\n");
	word = word > n ? n : word;
	uint32_t how = next_random(seed) % 9, pick = next_random(seed);

	str_add_bytes(into, bytes, (size_t)(p - bytes));
	keyword = p;
	switch (how) {
	case 0: /* a letter lost */
		str_add_bytes(into, keyword, word / 2);
		str_add_bytes(into, keyword + word / 2 + (word > 0), n - word / 2 - (word > 0));
		break;
	case 1:
		str_add_bytes(into, p, n);
		str_add(into, pick & 1 ? " extra" : " # extra");
		break;
	case 2: /* the value lost */
		str_add_bytes(into, p, word);
		break;
	case 3:
		str_add(into, odd_lines[pick % ARRAY_LEN(odd_lines)]);
		str_add_bytes(into, p, n);
		break;
	case 4:
		str_add_bytes(into, p, word);
		str_add(into, pick & 1 ? "=" : " = ");
		str_add_bytes(into, p + word, n - word);
		break;
	default:
		str_add_bytes(into, p, word);
		str_add_char(into, ' ');
		str_add(into, odd_values[pick % ARRAY_LEN(odd_values)]);
		break;
	}
	str_add_bytes(into, stop, (size_t)(end - stop));
}

/* Every keyword once, so that every validator is met even without a corpus. */
static const char all_keywords[] =
#include "sshd-keywords.inc"
	;

static int compare_damages(const char *name, const char *bytes, size_t len, unsigned times)
{
	uint64_t seed = 0x9e3779b97f4a7c15u;
	int bad = 0;

	for (const char *p = name; *p; p++)
		seed = (seed ^ (uint8_t)*p) * 1099511628211u;
	for (unsigned i = 0; i < times; i++) {
		cleanup(str_done) struct str text = STR_INIT;
		cleanup(free) char *label = mem_printf("%s, damage %u", name, i);
		damage(bytes, len, &seed, &text);
		bad += compare(label, text.s, text.len);
	}
	return bad;
}

static void test_corpus(void)
{
	const char *corpus = getenv("CORPUS");
	cleanup(free) char *path = corpus ? mem_printf("%s/sshd_config", corpus)
					  : mem_strdup("../shared/corpus/sshd_config");
	struct dirent **names;
	int count = scandir(path, &names, NULL, alphasort), bad = 0, files = 0;

	if (count < 0) {
		printf("ok %u - real-world files # SKIP no folder %s\n", ++tests_run, path);
		printf("ok %u - damaged real-world files # SKIP no folder %s\n", ++tests_run, path);
		return;
	}
	int damaged_bad = 0;
	cleanup(str_done) struct str damaged_report = STR_INIT;
	for (int i = 0; i < count; free(names[i++])) {
		cleanup(free) char *file = mem_printf("%s/%s", path, names[i]->d_name);
		cleanup(str_done) struct str bytes = STR_INIT;
		struct err err = ERR_INIT;
		if (names[i]->d_name[0] == '.' || file_read(file, 1 << 20, &bytes, &err) < 0)
			continue;
		files++;
		bad += compare(names[i]->d_name, bytes.s, bytes.len);
		struct str kept = report;
		report = (struct str)STR_INIT;
		damaged_bad += compare_damages(names[i]->d_name, bytes.s, bytes.len, 4);
		str_add(&damaged_report, report.s);
		str_done(&report);
		report = kept;
	}
	free(names);
	cleanup(free) char *name = mem_printf("%d real-world files judged as sshd -t does", files);
	test(!bad && files, name);
	str_add(&report, damaged_report.s);
	test(!damaged_bad, "the same files, damaged");
}

/* sshd wants its directory; ours comes and goes with a private mount namespace. */
static const char *why_not(void)
{
	cleanup(str_done) struct str words = STR_INIT;
	static char text[400];

	if (access(SSHD, X_OK) < 0)
		return "no " SSHD " here";
	if (access("/run/sshd", F_OK) < 0) {
		if (unshare(CLONE_NEWNS) < 0 ||
		    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount("none", "/run", "tmpfs", 0, "mode=755") < 0 ||
		    mkdir("/run/sshd", 0755) < 0)
			return "no /run/sshd, and it takes root to make one";
	}
	put("etc/ssh/sshd_config", "", 0);
	if (real_verdict(&words) == 0)
		return NULL;
	snprintf(text, sizeof(text), "sshd -t refuses an empty file: %.300s", words.s);
	return text;
}

int main(void)
{
	cleanup(free) char *command = NULL;

	if (!mkdtemp(dir))
		return 1;
	command = mem_printf("cd %s && mkdir -p etc/ssh usr/sbin && "
			     "ssh-keygen -q -t ed25519 -N '' -f hostkey && "
			     "cp -L " SSHD " usr/sbin/sshd && cp /etc/services etc/ 2>/dev/null",
			     dir);
	const char *reason = system(command) ? "no ssh-keygen or no sshd here" : why_not();
	puts("1..4");
	if (reason) {
		for (int i = 0; i < 4; i++)
			printf("ok %d - sshd_config as sshd -t reads it # SKIP %s\n", i + 1,
			       reason);
	} else {
		test(!compare("all keywords", all_keywords, strlen(all_keywords)),
		     "a file with every keyword");
		test(!compare_damages("all keywords", all_keywords, strlen(all_keywords), 700),
		     "the same file, damaged");
		test_corpus();
	}
	cleanup(free) char *clear = mem_printf("rm -rf %s", dir);
	if (system(clear))
		tests_failed++;
	str_done(&report);
	return tests_failed ? 1 : 0;
}

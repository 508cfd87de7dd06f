/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every folder of tests/ec2/creds is one search for credentials. `env` is the whole environment,
 * `config` and `credentials` are the files, `profile` is --profile, `home` is the home directory
 * (@DIR@ in any of them is where they are), N.reply is what is answered; the requests and what was
 * found must be those of N.request and `expect` (UPDATE=1 writes those two anew). */
#include "tests/ec2/replay.h"
#include "base/secrets.h"
#include "ec2/engine.h"

#include <glob.h>
#include <jansson.h>
#include <libgen.h>

struct run {
	const char *dir;
	char tmp[32];
	char *saved_path, *expect;
};

static int64_t fixed_now(void *arg)
{
	(void)arg;
	return 1795330800; /* 2026-11-22T07:00:00Z */
}

static double no_jitter(void *arg)
{
	(void)arg;
	return 0;
}

static char *replace_all(const char *text, const char *from, const char *to)
{
	struct str out = STR_INIT;
	const char *hit;

	for (; (hit = strstr(text, from)); text = hit + strlen(from)) {
		str_add_bytes(&out, text, (size_t)(hit - text));
		str_add(&out, to);
	}
	str_add(&out, text);
	return str_take(&out);
}

/* A copy of the case with @DIR@ filled in. */
static void copy_case(struct run *run)
{
	cleanup(free) char *command = NULL;

	strcpy(run->tmp, "/tmp/ec2-creds.XXXXXX");
	if (!mkdtemp(run->tmp))
		abort();
	command = mem_printf(
		"cp -r '%s/.' '%s' && grep -rl @DIR@ '%s' | xargs -r sed -i 's|@DIR@|%s|g'",
		run->dir, run->tmp, run->tmp, run->tmp);
	if (system(command))
		abort();
}

static void set_path(const char *name, const struct run *run, const char *file)
{
	cleanup(free) char *path = mem_printf("%s/%s", run->tmp, file);

	setenv(name, path, 1);
}

static void set_environment(const struct run *run, struct str *env)
{
	cleanup(free) char *path = mem_printf("%s/env", run->tmp);
	struct err err = ERR_INIT;
	char *update = getenv("UPDATE") ? mem_strdup("1") : NULL;
	char *save = NULL;

	clearenv();
	secrets_forget(); /* those of the case before may be words here */
	setenv("PATH", run->saved_path, 1);
	if (update)
		setenv("UPDATE", update, 1);
	free(update);
	set_path("HOME", run, "home");
	set_path("AWS_CONFIG_FILE", run, "config");
	set_path("AWS_SHARED_CREDENTIALS_FILE", run, "credentials");
	if (access(path, F_OK) == 0 && file_read(path, 65536, env, &err) < 0)
		abort();
	for (char *line = strtok_r(env->s, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *value = strchr(line, '=');

		if (!value)
			abort();
		*value++ = '\0';
		setenv(line, value, 1);
	}
}

static void add(json_t *json, const char *key, const char *text)
{
	if (text)
		json_object_set_new(json, key, json_string(text));
}

static void on_creds(void *arg, const struct creds *creds, const struct err *err)
{
	struct run *run = arg;
	cleanup(free) char *text = NULL;
	json_t *json = json_object();
	char *dump;

	if (creds) {
		add(json, "key_id", creds->key_id);
		add(json, "secret", creds->secret);
		add(json, "token", creds->token);
		add(json, "source", creds->source);
		if (creds->expires_s)
			json_object_set_new(json, "expires", json_integer(creds->expires_s));
	} else {
		text = replace_all(err->text, run->tmp, "@DIR@");
		add(json, "error", err_name(err->code));
		add(json, "text", text);
	}
	dump = json_dumps(json, JSON_INDENT(1) | JSON_SORT_KEYS);
	run->expect = mem_printf("%s\n", dump);
	free(dump);
	json_decref(json);
}

static char *named_profile(const struct run *run)
{
	cleanup(free) char *path = mem_printf("%s/profile", run->dir);
	struct str text = STR_INIT;
	struct err err = ERR_INIT;

	if (file_read(path, 256, &text, &err) < 0)
		return NULL;
	text.s[strcspn(text.s, "\n")] = '\0';
	return str_take(&text);
}

static bool run_case(struct run *run, struct loop *loop)
{
	struct replay *replay = replay_new(loop);
	cleanup(str_done) struct str env = STR_INIT;
	cleanup(free) char *profile = named_profile(run);
	struct ec2_settings settings = { .region = "eu-west-1",
					 .profile = profile,
					 .now_s = fixed_now,
					 .random = no_jitter,
					 .transport = &replay->base };
	struct err err = ERR_INIT;
	struct ec2 *ec2 = NULL;
	bool is_good;

	set_environment(run, &env);
	replay_load(replay, run->tmp);
	if (ec2_open(loop, &settings, &ec2, &err) < 0)
		on_creds(run, NULL, &err);
	else
		creds_get(ec2->chain, on_creds, run);
	while (!run->expect && loop_step(loop, 5000, &err) == 0)
		;
	is_good = replay_same(replay, run->dir);
	is_good &= run->expect && case_same(run->dir, "expect", run->expect);
	ec2_close(ec2);
	replay_free(replay);
	return is_good;
}

int main(void)
{
	const char *path = getenv("PATH"), *top = getenv("SRC");
	struct err err = ERR_INIT;
	int failures = 0;
	struct loop *loop;
	glob_t found;

	if (chdir(top ? top : ".") < 0 || loop_open(&loop, &err) < 0 ||
	    glob("tests/ec2/creds/*", 0, NULL, &found)) {
		printf("1..1\nnot ok 1 - no cases\n");
		return 1;
	}
	printf("1..%zu\n", found.gl_pathc);
	cleanup(free) char *saved_path = mem_strdup(path);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct run run = { .dir = found.gl_pathv[i], .saved_path = saved_path };
		cleanup(free) char *remove = NULL;
		bool is_good;

		copy_case(&run);
		is_good = run_case(&run, loop);
		printf("%sok %zu - %s\n", is_good ? "" : "not ", i + 1,
		       basename(found.gl_pathv[i]));
		failures += !is_good;
		remove = mem_printf("rm -rf '%s'", run.tmp);
		failures += system(remove) != 0;
		free(run.expect);
	}
	globfree(&found);
	loop_close(loop);
	return failures ? 1 : 0;
}

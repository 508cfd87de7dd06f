/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our signer against botocore's: every folder of tests/sigv4/vectors, or of the directory in
 * SIGV4_VECTORS. The first stage that differs is named. */
#include "base/file.h"
#include "ec2/sigv4.h"

#include <glob.h>
#include <jansson.h>
#include <libgen.h>
#include <stdio.h>
#include <strings.h>

static struct str read_part(const char *dir, const char *file)
{
	cleanup(free) char *path = mem_printf("%s/%s", dir, file);
	struct str text = STR_INIT;
	struct err err = ERR_INIT;

	if (file_read(path, 1 << 20, &text, &err) < 0)
		fprintf(stderr, "%s\n", err.text);
	return text;
}

struct request {
	struct str text; /* cut into pieces in place */
	struct http_header headers[32];
	struct sigv4_request sigv4;
};

static void parse(struct request *request)
{
	char *line = request->text.s, *end = request->text.s + request->text.len;
	char *target = line + strcspn(line, " "), *next = line + strcspn(line, "\n"), *mark;

	*next = *target++ = '\0';
	request->sigv4.method = line;
	request->sigv4.path = target;
	mark = strchr(target, '?');
	if (mark) {
		*mark = '\0';
		request->sigv4.query = mark + 1;
	}
	for (line = next + 1; *line != '\n'; line = next + 1) {
		char *colon = line + strcspn(line, ":");
		struct http_header *header = &request->headers[request->sigv4.header_count++];

		next = line + strcspn(line, "\n");
		*next = *colon = '\0';
		*header = (struct http_header){ line, colon + 1 };
		if (!strcasecmp(line, "X-Amz-Content-SHA256"))
			request->sigv4.body_hash = colon + 1 + strspn(colon + 1, " ");
	}
	request->sigv4.headers = request->headers;
	request->sigv4.body = line + 1;
	request->sigv4.body_len = (size_t)(end - line - 1);
}

static bool same(const char *dir, const char *stage, const char *got)
{
	cleanup(str_done) struct str want = read_part(dir, stage);

	if (str_eq(want.s, got))
		return true;
	fprintf(stderr, "%s: %s differs; wanted\n%s\ngot\n%s\n", dir, stage, want.s, got);
	return false;
}

static bool run(const char *dir)
{
	cleanup(free) char *context_path = mem_printf("%s/context.json", dir);
	cleanup(sigv4_done) struct sigv4 sig = SIGV4_INIT;
	json_t *context = json_load_file(context_path, 0, NULL);
	struct request request = { .text = read_part(dir, "request") };
	struct sigv4_identity as = { 0 };
	json_int_t time_s;
	bool is_good;

	if (json_unpack(context, "{s:s, s:s, s?s, s:s, s:s, s:I}", "key_id", &as.key_id, "secret",
			&as.secret, "token", &as.token, "region", &as.region, "service",
			&as.service, "time_s", &time_s) < 0)
		return false;
	as.time_s = time_s;
	parse(&request);
	sigv4_sign(&request.sigv4, &as, &sig);
	is_good = same(dir, "canonical", sig.canonical.s) && same(dir, "to-sign", sig.to_sign.s) &&
		  same(dir, "signature", sig.signature);
	str_done(&request.text);
	json_decref(context);
	return is_good;
}

int main(void)
{
	const char *src = getenv("SRC");
	const char *top = getenv("SIGV4_VECTORS");
	cleanup(free) char *pattern = mem_printf("%s/*", top ? top : "tests/sigv4/vectors");
	int failed = 0;
	glob_t found;

	if (!top && src && chdir(src) < 0)
		return 1;
	if (glob(pattern, 0, NULL, &found)) {
		printf("1..1\nnot ok 1 - no vectors in %s\n", pattern);
		return 1;
	}
	printf("1..%zu\n", found.gl_pathc);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		bool is_good = run(found.gl_pathv[i]);

		printf("%sok %zu - %s\n", is_good ? "" : "not ", i + 1,
		       basename(found.gl_pathv[i]));
		failed += !is_good;
	}
	globfree(&found);
	return failed ? 1 : 0;
}

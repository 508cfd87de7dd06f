/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ec2/sigv4.h"
#include "base/hash.h"
#include "ec2/param.h"
#include "ec2/when.h"

#include <ctype.h>

struct line {
	char *name, *value;
};
VEC_TYPE(lines, struct line);

static void lines_done(struct lines *lines)
{
	vec_foreach (line, lines) {
		free(line->name);
		secret_free(line->value);
	}
	vec_done(lines);
}

static int by_name(const struct line *x, const struct line *y)
{
	return strcmp(x->name, y->name);
}

static int by_name_and_value(const struct line *x, const struct line *y)
{
	int order = strcmp(x->name, y->name);

	return order ? order : strcmp(x->value, y->value);
}

/* Insertion sort: stable (repeated headers keep their order), and there are about ten. */
static void sort_lines(struct lines *lines, int (*order)(const struct line *, const struct line *))
{
	for (size_t i = 1; i < lines->count; i++) {
		struct line line = lines->items[i];
		size_t j = i;

		for (; j && order(&lines->items[j - 1], &line) > 0; j--)
			lines->items[j] = lines->items[j - 1];
		lines->items[j] = line;
	}
}

/* Trimmed, runs of white space as one space. */
static char *tidy_value(const char *value)
{
	struct str tidy = STR_INIT;

	for (const char *p = value + strspn(value, " \t"); *p;) {
		size_t word = strcspn(p, " \t");

		str_add_bytes(&tidy, p, word);
		p += word;
		p += strspn(p, " \t");
		if (*p)
			str_add_char(&tidy, ' ');
	}
	return str_take(&tidy);
}

static void add_header(struct lines *lines, const char *name, const char *value)
{
	struct line *line = vec_add(lines);

	line->name = mem_strdup(name);
	for (char *p = line->name; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	line->value = tidy_value(value);
}

/* "." and ".." resolved, empty segments dropped, then encoded once more: every service but S3
 * hashes the encoded form of the path as sent. */
static void add_path(struct str *canonical, const char *path)
{
	VEC(struct line) kept = { 0 };
	size_t len = strlen(path);

	for (const char *p = path; *p;) {
		size_t segment = strcspn(p, "/");

		if (segment == 2 && !strncmp(p, "..", 2)) {
			if (kept.count)
				free(kept.items[--kept.count].name);
		} else if (segment && !(segment == 1 && *p == '.')) {
			vec_add(&kept)->name = mem_strndup(p, segment);
		}
		p += segment + (p[segment] == '/');
	}
	vec_foreach (segment, &kept) {
		str_add_char(canonical, '/');
		uri_encode(canonical, segment->name, strlen(segment->name));
		free(segment->name);
	}
	if (!kept.count || (len && path[len - 1] == '/'))
		str_add_char(canonical, '/');
	vec_done(&kept);
}

static void add_query(struct str *canonical, const char *query)
{
	struct lines pairs = { 0 };

	for (const char *p = query ? query : ""; *p;) {
		size_t pair = strcspn(p, "&"), name = strcspn(p, "=&");

		if (pair) {
			struct line *line = vec_add(&pairs);

			line->name = mem_strndup(p, name);
			line->value = name < pair ? mem_strndup(p + name + 1, pair - name - 1)
						  : mem_strdup("");
		}
		p += pair + (p[pair] == '&');
	}
	sort_lines(&pairs, by_name_and_value);
	vec_foreach (pair, &pairs)
		str_addf(canonical, "%s%s=%s", pair == pairs.items ? "" : "&", pair->name,
			 pair->value);
	lines_done(&pairs);
}

/* Canonical headers and the list of their names; repeated ones are joined. */
static void add_headers(struct str *canonical, struct str *names, struct lines *headers)
{
	sort_lines(headers, by_name);
	for (size_t i = 0; i < headers->count; i++) {
		const struct line *line = &headers->items[i];

		if (i && str_eq(line->name, line[-1].name)) {
			canonical->s[--canonical->len] = '\0'; /* the newline */
			str_addf(canonical, ",%s\n", line->value);
			continue;
		}
		str_addf(canonical, "%s:%s\n", line->name, line->value);
		str_addf(names, "%s%s", names->len ? ";" : "", line->name);
	}
}

static void add_body_hash(struct str *canonical, const struct sigv4_request *request)
{
	struct sha256 hash;

	if (request->body_hash) {
		str_add(canonical, request->body_hash);
		return;
	}
	hash = sha256_of(request->body, request->body_len);
	str_add_hex(canonical, hash.b, sizeof(hash.b));
}

static void sign_text(const struct sigv4_identity *as, const char *day, struct sigv4 *ret)
{
	cleanup(secret_free) char *first = mem_printf("AWS4%s", as->secret);
	struct sha256 key = hmac_sha256(first, strlen(first), day, 8);
	const char *steps[] = { as->region, as->service, "aws4_request", ret->to_sign.s };
	struct str hex = STR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		key = hmac_sha256(key.b, sizeof(key.b), steps[i], strlen(steps[i]));
	str_add_hex(&hex, key.b, sizeof(key.b));
	memcpy(ret->signature, hex.s, sizeof(ret->signature));
	explicit_bzero(&key, sizeof(key));
	str_done(&hex);
}

void sigv4_sign(const struct sigv4_request *request, const struct sigv4_identity *as,
		struct sigv4 *ret)
{
	cleanup(str_done) struct str names = STR_INIT, scope = STR_INIT;
	struct lines headers = { 0 };
	struct sha256 hash;

	when_amz(as->time_s, ret->amz_date);
	for (size_t i = 0; i < request->header_count; i++)
		add_header(&headers, request->headers[i].name, request->headers[i].value);
	add_header(&headers, "x-amz-date", ret->amz_date);
	if (as->token)
		add_header(&headers, "x-amz-security-token", as->token);

	str_addf(&ret->canonical, "%s\n", request->method);
	add_path(&ret->canonical, request->path);
	str_add_char(&ret->canonical, '\n');
	add_query(&ret->canonical, request->query);
	str_add_char(&ret->canonical, '\n');
	add_headers(&ret->canonical, &names, &headers);
	str_addf(&ret->canonical, "\n%s\n", names.s);
	add_body_hash(&ret->canonical, request);
	lines_done(&headers);

	str_addf(&scope, "%.8s/%s/%s/aws4_request", ret->amz_date, as->region, as->service);
	str_addf(&ret->to_sign, "AWS4-HMAC-SHA256\n%s\n%s\n", ret->amz_date, scope.s);
	hash = sha256_of(ret->canonical.s, ret->canonical.len);
	str_add_hex(&ret->to_sign, hash.b, sizeof(hash.b));
	sign_text(as, ret->amz_date, ret);
	str_addf(&ret->authorization,
		 "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s", as->key_id,
		 scope.s, names.s, ret->signature);
}

void sigv4_done(struct sigv4 *sig)
{
	if (sig->canonical.len)
		explicit_bzero(sig->canonical.s, sig->canonical.len); /* may hold the token */
	str_done(&sig->canonical);
	str_done(&sig->to_sign);
	str_done(&sig->authorization);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/hash.h"
#include "tests/cloud/call.h"

#include <ctype.h>
#include <math.h>
#include <openssl/crypto.h>
#include <strings.h>
#include <time.h>

/* Verification of Signature Version 4, written from the documentation ("Create a signed AWS API
 * request") and apart from the program's own signer on purpose: it is the witness. */

#define EC2_SKEW_S   900
#define OTHER_SKEW_S 300

struct auth {
	char *credential, *signed_headers, *signature, *date, *token;
	char *akid, *day, *region, *service; /* parts of credential */
	bool is_query;
};

static void auth_done(struct auth *a)
{
	free(a->credential);
	free(a->signed_headers);
	free(a->signature);
	free(a->date);
	free(a->token);
}
DEFINE_CLEANUP_DONE(struct auth, auth_done)

static void add_encoded(struct str *out, const char *s, size_t len, const char *safe)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (isalnum(c) || (c && strchr("-._~", c)) || (c && strchr(safe, c)))
			str_add_char(out, (char)c);
		else
			str_addf(out, "%%%02X", c);
	}
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_canonical_query(struct str *out, const char *query)
{
	cleanup(fields_done) struct fields fields = { 0 };
	VEC(char *) pairs = { 0 };

	if (fields_parse(&fields, query, strlen(query)))
		return; /* will not match */
	vec_foreach (f, &fields) {
		struct str pair = STR_INIT;

		if (str_eq(f->name, "X-Amz-Signature"))
			continue;
		add_encoded(&pair, f->name, strlen(f->name), "");
		/* \1 sorts before every byte that occurs, so names are compared before values. */
		str_add_char(&pair, '\1');
		add_encoded(&pair, f->value, strlen(f->value), "");
		vec_push(&pairs, str_take(&pair));
	}
	if (pairs.count)
		qsort(pairs.items, pairs.count, sizeof(*pairs.items), by_text);
	vec_foreach (p, &pairs) {
		char *mark = strchr(*p, '\1');

		if (mark)
			*mark = '=';
		if (p != pairs.items)
			str_add_char(out, '&');
		str_add(out, *p);
		free(*p);
	}
	vec_done(&pairs);
}

/* All values of one header, joined with commas, outer blanks cut, inner ones collapsed. */
static int add_header_values(struct str *out, const struct fields *headers, const char *name)
{
	bool found = false;

	vec_foreach (h, headers) {
		bool blank = false, any = false;

		if (strcasecmp(h->name, name))
			continue;
		if (found)
			str_add_char(out, ',');
		found = true;
		for (const char *p = h->value; *p; p++) {
			if (*p == ' ' || *p == '\t') {
				blank = true;
				continue;
			}
			if (blank && any)
				str_add_char(out, ' ');
			blank = false;
			any = true;
			str_add_char(out, *p);
		}
	}
	return found ? 0 : -1;
}

static int add_canonical_headers(struct str *out, const struct fields *headers, const char *list)
{
	cleanup(free) char *copy = mem_strdup(list);
	char *save = NULL, *last = NULL;

	for (char *name = strtok_r(copy, ";", &save); name; name = strtok_r(NULL, ";", &save)) {
		if (last && strcmp(last, name) >= 0)
			return -1; /* must be sorted, each once */
		last = name;
		str_addf(out, "%s:", name);
		if (add_header_values(out, headers, name))
			return -1;
		str_add_char(out, '\n');
	}
	return 0;
}

static bool is_signed(const char *list, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = list; *p; p += strcspn(p, ";"), p += *p == ';')
		if (!strncasecmp(p, name, n) && (!p[n] || p[n] == ';'))
			return true;
	return false;
}

static int canonical_request(struct str *out, const struct request *req, const struct auth *auth)
{
	const char *query = strchr(req->target, '?');
	const char *payload = header_get(&req->headers, "x-amz-content-sha256");
	struct sha256 digest = sha256_of(req->body.s, req->body.len);
	cleanup(str_done) struct str hex = STR_INIT;

	str_add_hex(&hex, digest.b, sizeof(digest.b));
	str_addf(out, "%s\n", req->method);
	add_encoded(out, req->target, query ? (size_t)(query - req->target) : strlen(req->target),
		    "/");
	str_add_char(out, '\n');
	add_canonical_query(out, query ? query + 1 : "");
	str_add_char(out, '\n');
	if (add_canonical_headers(out, &req->headers, auth->signed_headers))
		return -1;
	str_addf(out, "\n%s\n", auth->signed_headers);
	/* What the EBS direct APIs take, whose blocks have checksums of their own. */
	if (payload && str_eq(payload, "UNSIGNED-PAYLOAD") && str_starts(req->target, "/snapshots"))
		str_clear(&hex), str_add(&hex, payload);
	if (payload && !str_eq(payload, hex.s))
		return -1;
	str_add(out, hex.s);
	return 0;
}

static void signature_of(struct str *hex, const char *secret, const struct auth *auth,
			 const char *canonical)
{
	cleanup(secret_free) char *start = mem_printf("AWS4%s", secret);
	struct sha256 key = hmac_sha256(start, strlen(start), auth->day, strlen(auth->day));
	struct sha256 digest = sha256_of(canonical, strlen(canonical));
	cleanup(str_done) struct str text = STR_INIT;

	key = hmac_sha256(key.b, sizeof(key.b), auth->region, strlen(auth->region));
	key = hmac_sha256(key.b, sizeof(key.b), auth->service, strlen(auth->service));
	key = hmac_sha256(key.b, sizeof(key.b), "aws4_request", 12);
	str_addf(&text, "AWS4-HMAC-SHA256\n%s\n%s/%s/%s/aws4_request\n", auth->date, auth->day,
		 auth->region, auth->service);
	str_add_hex(&text, digest.b, sizeof(digest.b));
	digest = hmac_sha256(key.b, sizeof(key.b), text.s, text.len);
	str_add_hex(hex, digest.b, sizeof(digest.b));
}

/* ---- reading what the client sent */
static char *auth_part(const char *header, const char *name)
{
	const char *p = strstr(header, name);

	return p ? mem_strndup(p + strlen(name), strcspn(p + strlen(name), ", ")) : NULL;
}

static char *copy_or_null(const char *s)
{
	return s ? mem_strdup(s) : NULL;
}

static int auth_read(struct auth *a, const struct request *req, const struct fields *query)
{
	const char *header = header_get(&req->headers, "Authorization");
	const char *algorithm = field_get(query, "X-Amz-Algorithm");
	char *save = NULL, *tail;

	if (header) {
		if (!str_starts(header, "AWS4-HMAC-SHA256 "))
			return -1;
		a->credential = auth_part(header, "Credential=");
		a->signed_headers = auth_part(header, "SignedHeaders=");
		a->signature = auth_part(header, "Signature=");
		a->date = copy_or_null(header_get(&req->headers, "x-amz-date"));
		a->token = copy_or_null(header_get(&req->headers, "x-amz-security-token"));
	} else if (algorithm && str_eq(algorithm, "AWS4-HMAC-SHA256")) {
		a->is_query = true;
		a->credential = copy_or_null(field_get(query, "X-Amz-Credential"));
		a->signed_headers = copy_or_null(field_get(query, "X-Amz-SignedHeaders"));
		a->signature = copy_or_null(field_get(query, "X-Amz-Signature"));
		a->date = copy_or_null(field_get(query, "X-Amz-Date"));
		a->token = copy_or_null(field_get(query, "X-Amz-Security-Token"));
	}
	if (!a->credential || !a->signed_headers || !a->signature || !a->date)
		return -1;
	a->akid = strtok_r(a->credential, "/", &save);
	a->day = strtok_r(NULL, "/", &save);
	a->region = strtok_r(NULL, "/", &save);
	a->service = strtok_r(NULL, "/", &save);
	tail = strtok_r(NULL, "/", &save);
	return a->akid && a->day && a->region && a->service && tail && str_eq(tail, "aws4_request")
		       ? 0
		       : -1;
}

static double skew_s(struct sim *sim, const char *date)
{
	struct tm tm = { 0 };
	const char *end = strptime(date, "%Y%m%dT%H%M%SZ", &tm);

	if (!end || *end)
		return HUGE_VAL;
	return (double)timegm(&tm) - real_now() - json_number_value(setting(sim, "clock_offset_s"));
}

/* EC2 has one answer for all that is wrong with a signature, the others tell. */
static int refuse(struct call *call, const char *code, const char *text)
{
	static const char *const of_rest[][2] = {
		{ "InvalidClientTokenId", "UnrecognizedClientException" },
		{ "SignatureDoesNotMatch", "InvalidSignatureException" },
		{ "ExpiredToken", "ExpiredTokenException" },
		{ "IncompleteSignature", "IncompleteSignatureException" },
		{ "MissingAuthenticationToken", "MissingAuthenticationTokenException" },
	};

	for (size_t i = 0; call->is_rest && i < ARRAY_LEN(of_rest); i++)
		if (str_eq(of_rest[i][0], code))
			code = of_rest[i][1];
	if (str_eq(call->service, "ec2") && !str_eq(code, "RequestExpired"))
		call_fail(call, "AuthFailure",
			  "AWS was not able to validate the provided access credentials");
	else
		call_fail(call, code, "%s", text);
	return -1;
}

static int check_scope(struct call *call, const struct auth *auth)
{
	const char *want = call->service;
	bool is_ec2 = str_eq(want, "ec2");
	double skew = skew_s(call->sim, auth->date);

	if (strncmp(auth->date, auth->day, 8) || strlen(auth->day) != 8)
		return refuse(
			call, "SignatureDoesNotMatch",
			"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of "
			"date from HTTP");
	if (!str_eq(auth->region, sim_region(call->sim)) &&
	    !(str_eq(want, "sts") && str_eq(auth->region, "us-east-1")))
		return refuse(call, "SignatureDoesNotMatch",
			      "Credential should be scoped to a valid region.");
	if (fabs(skew) > (is_ec2 ? EC2_SKEW_S : OTHER_SKEW_S))
		return refuse(call, is_ec2 ? "RequestExpired" : "SignatureDoesNotMatch",
			      is_ec2 ? "Request has expired."
				     : "Signature expired or not yet current");
	return 0;
}

static int check_headers(struct call *call, const struct auth *auth)
{
	if (!is_signed(auth->signed_headers, "host"))
		return refuse(call, "SignatureDoesNotMatch", "'Host' must be a 'SignedHeader'.");
	vec_foreach (h, &call->req->headers)
		if (!strncasecmp(h->name, "x-amz-", 6) && !is_signed(auth->signed_headers, h->name))
			return refuse(call, "SignatureDoesNotMatch",
				      "An X-Amz header is not a 'SignedHeader'.");
	return 0;
}

static int check_credential(struct call *call, const struct auth *auth, const json_t *cred)
{
	const char *token = js(cred, "session_token");

	if (!cred || strcmp(auth->token ? auth->token : "", token))
		return refuse(call, "InvalidClientTokenId",
			      "The security token included in the request is invalid.");
	if (jhas(cred, "expires") && jd(cred, "expires") < real_now())
		return refuse(call,
			      str_eq(call->service, "ec2") ? "RequestExpired" : "ExpiredToken",
			      str_eq(call->service, "ec2")
				      ? "Request has expired."
				      : "The security token included in the request is expired");
	return 0;
}

int sigv4_verify(struct call *call)
{
	const char *query = strchr(call->req->target, '?');
	cleanup(fields_done) struct fields fields = { 0 };
	cleanup(auth_done) struct auth auth = { 0 };
	cleanup(str_done) struct str canonical = STR_INIT, signature = STR_INIT;
	const json_t *cred;

	if (query && fields_parse(&fields, query + 1, strlen(query + 1)))
		return refuse(call, "IncompleteSignature", "The query string is malformed.");
	if (!header_get(&call->req->headers, "Authorization") &&
	    !field_get(&fields, "X-Amz-Algorithm"))
		return refuse(call, "MissingAuthenticationToken",
			      "Request is missing Authentication Token");
	if (auth_read(&auth, call->req, &fields))
		return refuse(
			call, "IncompleteSignature",
			"The Authorization header does not hold what Signature Version 4 wants.");
	cred = credential_find(call->sim, auth.akid);
	if (check_credential(call, &auth, cred) || check_scope(call, &auth) ||
	    check_headers(call, &auth))
		return -1;
	if (canonical_request(&canonical, call->req, &auth))
		return refuse(call, "SignatureDoesNotMatch",
			      "A signed header is absent or the payload's hash is wrong.");
	signature_of(&signature, js(cred, "secret_access_key"), &auth, canonical.s);
	if (signature.len != strlen(auth.signature) ||
	    CRYPTO_memcmp(signature.s, auth.signature, signature.len)) {
		call->detail = str_take(&canonical);
		return refuse(
			call, "SignatureDoesNotMatch",
			"The request signature we calculated does not match the signature you "
			"provided. Check your AWS Secret Access Key and signing method.");
	}
	call->who.credential = json_incref((json_t *)cred);
	call->who.arn = js(cred, "arn");
	call->who.user_id = js(cred, "user_id");
	return 0;
}

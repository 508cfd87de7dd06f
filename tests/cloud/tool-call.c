/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/str.h"
#include "ec2/sigv4.h"

#include <curl/curl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* One API call, signed with the program's own signer, for tests that need many:
 *   tool-call [-s SERVICE] [-r REGION] [-t SECONDS] [-b] URL ACTION [NAME=VALUE...]
 *   tool-call -X METHOD [-H HEADER]... URL [BODY]        a plain request, for /_sim/ and IMDS
 * Prints the HTTP status (000: no reply) and the body; exits 0 when the status is 2xx. Credentials
 * come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN. -t puts the clock off, -b
 * breaks the signature. */

struct options {
	const char *service, *region, *method;
	long offset_s;
	bool breaks;
	struct curl_slist *headers;
};

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	str_add_bytes(arg, data, size * count);
	return size * count;
}

static void add_encoded(struct str *out, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if ((*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') ||
		    (*p >= 'a' && *p <= 'z') || strchr("-._~", *p))
			str_add_char(out, (char)*p);
		else
			str_addf(out, "%%%02X", *p);
	}
}

static void add_params(struct str *body, const char *service, char **args, int count)
{
	str_addf(body, "Action=%s&Version=%s", args[0],
		 str_eq(service, "sts")		  ? "2011-06-15"
		 : str_eq(service, "autoscaling") ? "2011-01-01"
						  : "2016-11-15");
	for (int i = 1; i < count; i++) {
		char *eq = strchr(args[i], '=');

		if (!eq)
			continue;
		str_addf(body, "&%.*s=", (int)(eq - args[i]), args[i]);
		add_encoded(body, eq + 1);
	}
}

static void sign(struct options *opt, const char *host, const struct str *body)
{
	struct http_header headers[] = {
		{ "Host", host },
		{ "Content-Type", "application/x-www-form-urlencoded; charset=utf-8" },
	};
	struct sigv4_request request = { .method = "POST",
					 .path = "/",
					 .headers = headers,
					 .header_count = ARRAY_LEN(headers),
					 .body = body->s,
					 .body_len = body->len };
	const char *token = getenv("AWS_SESSION_TOKEN");
	struct sigv4_identity who = { .key_id = getenv("AWS_ACCESS_KEY_ID"),
				      .secret = getenv("AWS_SECRET_ACCESS_KEY"),
				      .token = token && *token ? token : NULL,
				      .region = opt->region,
				      .service = opt->service,
				      .time_s = time(NULL) + opt->offset_s };
	cleanup(sigv4_done) struct sigv4 sig = SIGV4_INIT;
	cleanup(str_done) struct str line = STR_INIT;

	if (!who.key_id || !who.secret)
		return; /* unsigned */
	sigv4_sign(&request, &who, &sig);
	if (opt->breaks)
		sig.authorization.s[sig.authorization.len - 1] ^= 1;
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		str_clear(&line);
		str_addf(&line, "%s: %s", headers[i].name, headers[i].value);
		opt->headers = curl_slist_append(opt->headers, line.s);
	}
	str_clear(&line);
	str_addf(&line, "X-Amz-Date: %s", sig.amz_date);
	opt->headers = curl_slist_append(opt->headers, line.s);
	str_clear(&line);
	str_addf(&line, "Authorization: %s", sig.authorization.s);
	opt->headers = curl_slist_append(opt->headers, line.s);
	if (!who.token)
		return;
	str_clear(&line);
	str_addf(&line, "X-Amz-Security-Token: %s", who.token);
	opt->headers = curl_slist_append(opt->headers, line.s);
}

static long perform(struct options *opt, const char *url, const struct str *body, struct str *reply)
{
	CURL *curl = curl_easy_init();
	long status = 0;

	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, opt->method);
	if (!str_eq(opt->method, "GET") && !str_eq(opt->method, "DELETE")) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)body->len);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body->s);
	}
	opt->headers = curl_slist_append(opt->headers, "Expect:");
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, opt->headers);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, reply);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
	if (curl_easy_perform(curl) == CURLE_OK)
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(curl);
	curl_slist_free_all(opt->headers);
	return status;
}

int main(int argc, char **argv)
{
	struct options opt = { .service = "ec2", .region = "us-east-1" };
	cleanup(str_done) struct str body = STR_INIT, reply = STR_INIT;
	cleanup(free) char *host = NULL;
	long status;

	for (int c; (c = getopt(argc, argv, "s:r:t:bX:H:")) != -1;) {
		if (c == 's' && optarg)
			opt.service = optarg;
		else if (c == 'r')
			opt.region = optarg;
		else if (c == 't')
			opt.offset_s = strtol(optarg, NULL, 10);
		else if (c == 'b')
			opt.breaks = true;
		else if (c == 'X')
			opt.method = optarg;
		else if (c == 'H')
			opt.headers = curl_slist_append(opt.headers, optarg);
		else
			return 2;
	}
	if (argc - optind < (opt.method ? 1 : 2) || !str_starts(argv[optind], "http://"))
		return 2;
	if (opt.method) {
		str_add(&body, optind + 1 < argc ? argv[optind + 1] : "");
	} else {
		opt.method = "POST";
		host = mem_strndup(argv[optind] + 7, strcspn(argv[optind] + 7, "/"));
		add_params(&body, opt.service, argv + optind + 1, argc - optind - 1);
		sign(&opt, host, &body);
	}
	curl_global_init(CURL_GLOBAL_DEFAULT);
	status = perform(&opt, argv[optind], &body, &reply);
	curl_global_cleanup();
	printf("%03ld\n%s\n", status, reply.s);
	return status / 100 == 2 ? 0 : 1;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ec2/errors.h"
#include "base/secrets.h"

#include <fnmatch.h>
#include <jansson.h>

#define MAX_MESSAGE 400 /* bytes of a message that are shown */

/* First match wins. Source: "Error codes for the Amazon EC2 API"; botocore's retry lists. */
static const struct error_row rows[] = {
	{ "DryRunOperation", ERR_NONE, ERROR_DRY_RUN },

	{ "RequestLimitExceeded", ERR_THROTTLED, ERROR_THROTTLED },
	{ "Throttling*", ERR_THROTTLED, ERROR_THROTTLED },
	{ "ThrottledException", ERR_THROTTLED, ERROR_THROTTLED },
	{ "RequestThrottled*", ERR_THROTTLED, ERROR_THROTTLED },
	{ "EC2ThrottledException", ERR_THROTTLED, ERROR_THROTTLED },
	{ "TooManyRequestsException", ERR_THROTTLED, ERROR_THROTTLED },
	{ "BandwidthLimitExceeded", ERR_THROTTLED, ERROR_THROTTLED },
	{ "LimitExceededException", ERR_THROTTLED, ERROR_THROTTLED },
	{ "ProvisionedThroughputExceededException", ERR_THROTTLED, ERROR_THROTTLED },
	{ "TransactionInProgressException", ERR_THROTTLED, ERROR_THROTTLED },
	{ "SlowDown", ERR_THROTTLED, ERROR_THROTTLED },

	{ "ConcurrentTagAccess", ERR_BUSY, ERROR_AGAIN },
	{ "PriorRequestNotComplete", ERR_BUSY, ERROR_AGAIN },
	{ "RequestTimeout", ERR_TIMEOUT, ERROR_AGAIN }, /* our bytes came too slowly */
	{ "RequestTimeoutException", ERR_TIMEOUT, ERROR_AGAIN },
	{ "IDPCommunicationError", ERR_CREDENTIALS, ERROR_AGAIN },

	{ "Internal*", ERR_NETWORK, ERROR_TRANSIENT },
	{ "Unavailable", ERR_NETWORK, ERROR_TRANSIENT },
	{ "ServiceUnavailable*", ERR_NETWORK, ERROR_TRANSIENT },

	{ "RequestExpired", ERR_CREDENTIALS, ERROR_EXPIRED },
	{ "ExpiredToken*", ERR_CREDENTIALS, ERROR_EXPIRED },
	{ "InvalidSecurity.RequestHasExpired", ERR_CREDENTIALS, ERROR_CLOCK },
	{ "RequestTimeTooSkewed", ERR_CREDENTIALS, ERROR_CLOCK },
	{ "RequestInTheFuture", ERR_CREDENTIALS, ERROR_CLOCK },
	{ "AuthFailure", ERR_CREDENTIALS, ERROR_CLOCK },
	{ "SignatureDoesNotMatch", ERR_CREDENTIALS, ERROR_CLOCK },
	{ "InvalidSignatureException", ERR_CREDENTIALS, ERROR_CLOCK },
	{ "IncompleteSignature*", ERR_CREDENTIALS, ERROR_REFUSED },
	{ "InvalidClientTokenId", ERR_CREDENTIALS, ERROR_REFUSED },
	{ "UnrecognizedClientException", ERR_CREDENTIALS, ERROR_REFUSED },
	{ "MissingAuthenticationToken*", ERR_CREDENTIALS, ERROR_REFUSED },
	{ "InvalidIdentityToken*", ERR_CREDENTIALS, ERROR_REFUSED },
	{ "IDPRejectedClaim*", ERR_CREDENTIALS, ERROR_REFUSED },

	{ "UnauthorizedOperation", ERR_DENIED, ERROR_REFUSED },
	{ "OperationNotPermitted", ERR_DENIED, ERROR_REFUSED },
	{ "AccessDenied*", ERR_DENIED, ERROR_REFUSED },
	{ "Unauthorized*", ERR_DENIED, ERROR_REFUSED },
	{ "NotAuthorized*", ERR_DENIED, ERROR_REFUSED },
	{ "OptInRequired", ERR_DENIED, ERROR_REFUSED },
	{ "Blocked", ERR_DENIED, ERROR_REFUSED },
	{ "PendingVerification", ERR_DENIED, ERROR_REFUSED },
	{ "RegionDisabledException", ERR_DENIED, ERROR_REFUSED },

	{ "Incorrect*State", ERR_BUSY, ERROR_REFUSED },
	{ "VolumeInUse", ERR_BUSY, ERROR_REFUSED },
	{ "*.InUse", ERR_BUSY, ERROR_REFUSED },
	{ "DependencyViolation", ERR_BUSY, ERROR_REFUSED },
	{ "ResourceInUse*", ERR_BUSY, ERROR_REFUSED },
	{ "ResourceContention*", ERR_BUSY, ERROR_REFUSED },
	{ "SnapshotCreationPerVolumeRateExceeded", ERR_BUSY, ERROR_REFUSED },
	{ "ConcurrentSnapshotLimitExceeded", ERR_BUSY, ERROR_REFUSED },
	{ "ConcurrentLimitExceededException", ERR_BUSY, ERROR_REFUSED },
	/* Capacity may come back, but not within a call's retries; EC2 sends these with a 5xx. */
	{ "Insufficient*", ERR_BUSY, ERROR_REFUSED },
	{ "UnfulfillableCapacity", ERR_BUSY, ERROR_REFUSED },

	{ "*.NotFound", ERR_NOTFOUND, ERROR_REFUSED },
	{ "*.Unavailable", ERR_NOTFOUND, ERROR_REFUSED },
	{ "ResourceNotFoundException", ERR_NOTFOUND, ERROR_REFUSED },
	{ "NotFoundException", ERR_NOTFOUND, ERROR_REFUSED },
	{ "ParameterNotFound", ERR_NOTFOUND, ERROR_REFUSED },

	/* EC2 knows the action, but not for this resource in its present state: another time it may. */
	{ "UnsupportedOperation", ERR_CLOUD, ERROR_REFUSED },
	/* The server does not know it at all: trying again teaches it nothing. */
	{ "UnknownAction", ERR_UNSUPPORTED, ERROR_REFUSED },
	{ "InvalidAction", ERR_UNSUPPORTED, ERROR_REFUSED },
	{ "NotImplemented*", ERR_UNSUPPORTED, ERROR_REFUSED },
	{ "UnknownOperation*", ERR_UNSUPPORTED, ERROR_REFUSED },
	{ "Unsupported*", ERR_UNSUPPORTED, ERROR_REFUSED },

	{ "*.Malformed", ERR_USAGE, ERROR_REFUSED },
	{ "InvalidParameter*", ERR_USAGE, ERROR_REFUSED },
	{ "MissingParameter", ERR_USAGE, ERROR_REFUSED },
	{ "UnknownParameter", ERR_USAGE, ERROR_REFUSED },
	{ "Validation*", ERR_USAGE, ERROR_REFUSED },
	{ "InvalidInput", ERR_USAGE, ERROR_REFUSED },
	{ "InvalidRequest*", ERR_USAGE, ERROR_REFUSED },
	{ "MalformedQueryString", ERR_USAGE, ERROR_REFUSED },
	{ "IdempotentParameterMismatch", ERR_USAGE, ERROR_REFUSED },
};

static const struct error_row throttled = { "", ERR_THROTTLED, ERROR_THROTTLED };
static const struct error_row unsupported = { "", ERR_UNSUPPORTED, ERROR_REFUSED };
static const struct error_row failed = { "", ERR_NETWORK, ERROR_TRANSIENT };
static const struct error_row refused = { "", ERR_CLOUD, ERROR_REFUSED };
static const struct error_row denied = { "", ERR_CREDENTIALS, ERROR_REFUSED };
static const struct error_row not_aws = { "", ERR_NETWORK, ERROR_REFUSED };

const struct error_row *error_find(const struct aws_error *error)
{
	int status = error->http_status;

	if (status == 501) /* whatever the code: "InternalFailure" is one that is sent with it */
		return &unsupported;
	if (error->code[0])
		for (size_t i = 0; i < ARRAY_LEN(rows); i++)
			if (!fnmatch(rows[i].code, error->code, 0))
				return &rows[i];
	if (status == 429)
		return &throttled;
	if (status >= 500)
		return &failed;
	if (error->code[0])
		return &refused;
	if (status == 401 || status == 403)
		return &denied;
	return error->is_from_aws && (status == 400 || status == 404 || status == 405)
		       ? &unsupported
		       : &not_aws;
}

static void copy_escaped(const char *text, char *ret, size_t size)
{
	escape_into(ret, size, text ? text : "", text ? strnlen(text, size) : 0);
}

/* Every service's form of an error: EC2; STS and Auto Scaling; and what others make of it. */
static void read_xml(const struct http_reply *reply, struct aws_error *ret)
{
	static const char *const places[] = { "Errors/Error/", "Error/", "" };
	cleanup(xml_free) struct xml *xml = NULL;
	cleanup(free) char *code = NULL, *request_id = NULL;
	struct err ignored = ERR_INIT;

	if (xml_parse(reply->body.s, reply->body.len, &xml, &ignored) < 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(places) && !code; i++) {
		cleanup(free) char *code_path = mem_printf("%sCode", places[i]);
		cleanup(free) char *message_path = mem_printf("%sMessage", places[i]);

		code = xml_text(xml, code_path);
		if (code)
			ret->message = xml_text(xml, message_path);
	}
	request_id = xml_text(xml, "RequestID");
	if (!request_id)
		request_id = xml_text(xml, "RequestId");
	if (!request_id)
		request_id = xml_text(xml, "requestId");
	copy_escaped(code, ret->code, sizeof(ret->code));
	copy_escaped(request_id, ret->request_id, sizeof(ret->request_id));
}

static const char *json_member(const json_t *json, const char *a, const char *b)
{
	const char *text = json_string_value(json_object_get(json, a));

	return text ? text : json_string_value(json_object_get(json, b));
}

/* {"__type":"ns#Code","message":".."}; the code may also stand in a header, with a URL behind. */
static void read_json(const struct http_reply *reply, struct aws_error *ret)
{
	const char *type = http_reply_header(reply, "x-amzn-errortype"), *hash, *message;
	cleanup(free) char *code = NULL;
	json_t *json = json_loadb(reply->body.s, reply->body.len, 0, NULL);

	if (!type)
		type = json_member(json, "__type", "code");
	if (type) {
		hash = strrchr(type, '#');
		code = mem_strdup(hash ? hash + 1 : type);
		code[strcspn(code, ":")] = '\0';
		copy_escaped(code, ret->code, sizeof(ret->code));
	}
	message = json_member(json, "message", "Message");
	ret->message = message ? mem_strdup(message) : NULL;
	json_decref(json);
}

void aws_error_read(const struct http_reply *reply, struct aws_error *ret)
{
	const char *body = reply->body.s + strspn(reply->body.s, " \t\r\n\xef\xbb\xbf");
	const char *id = http_reply_header(reply, "x-amzn-requestid");

	memset(ret, 0, sizeof(*ret));
	ret->http_status = reply->status;
	if (*body == '<')
		read_xml(reply, ret);
	else
		read_json(reply, ret);
	if (!ret->request_id[0])
		copy_escaped(id ? id : http_reply_header(reply, "x-amz-request-id"),
			     ret->request_id, sizeof(ret->request_id));
	/* Whole, before anything is cut off: half a secret is one, too. */
	secrets_redact(ret->code);
	secrets_redact(ret->request_id);
	if (ret->message)
		secrets_redact(ret->message);
}

void aws_error_done(struct aws_error *error)
{
	free(error->message);
	error->message = NULL;
}

/* The IAM action that AWS says is missing ("... is not authorized to perform: kms:CreateGrant on
 * ..."), or the one the API action needs. */
static char *missing_permission(const char *message, const struct ec2_action *action)
{
	static const char marker[] = "not authorized to perform: ";
	const char *p = message ? strstr(message, marker) : NULL;
	size_t len;

	if (p) {
		p += sizeof(marker) - 1;
		len = strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-:");
		if (len > 3 && len < 100 && memchr(p, ':', len))
			return mem_strndup(p, len);
	}
	return mem_strdup(action->iam);
}

/* The message without the blob that only DecodeAuthorizationMessage can read, and without the
 * request that a refused signature is explained with: the session token stands in it. */
static size_t readable_length(const char *message)
{
	static const char *const ends[] = { "Encoded authorization failure message:",
					    "The Canonical String for this request",
					    "The String-to-Sign should have been" };
	size_t len = strnlen(message, MAX_MESSAGE);

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		const char *end = strstr(message, ends[i]);

		if (end && (size_t)(end - message) < len)
			len = (size_t)(end - message);
	}
	while (len && strchr(" \r\n", message[len - 1]))
		len--;
	return len;
}

int aws_error_say(const struct aws_error *error, const struct ec2_action *action, struct err *err)
{
	const struct error_row *row = error_find(error);
	cleanup(str_done) struct str text = STR_INIT;

	str_addf(&text, "%s: ", action->name);
	if (row->to == ERR_DENIED && !str_eq(error->code, "OperationNotPermitted")) {
		cleanup(free) char *permission = missing_permission(error->message, action);

		str_addf(&text, "the IAM permission %s is missing: ", permission);
	}
	str_addf(&text, "HTTP %d", error->http_status);
	if (error->code[0])
		str_addf(&text, " %s", error->code);
	else if (row == &not_aws)
		str_add(&text, ", not an answer of AWS: is the endpoint URL right?");
	else if (row == &unsupported)
		str_add(&text, ": this server does not know the action");
	if (error->message) {
		size_t len = readable_length(error->message);

		str_add(&text, ": ");
		str_add_escaped(&text, error->message, len);
	}
	if (error->request_id[0])
		str_addf(&text, " (request %s)", error->request_id);
	return err_set(err, row->to ? row->to : ERR_CLOUD, "%s", text.s);
}

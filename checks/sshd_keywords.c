/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_conf.h"

#include <strings.h>

/* The keywords of sshd_config(5) from OpenSSH 5.3 to 10.x, with the release that brought each, the
 * release since which it may stand in a Match block, and the one that made it a mere notice.
 * Source: sshd_config(5) and the release notes; vendors' patches (Debian, Fedora, Amazon) at the
 * end. */

static const char *const root_login[] = {
	"without-password", "prohibit-password", "yes", "no", "forced-commands-only", NULL
};
static const char *const families[] = { "inet", "inet6", "any", NULL };
static const char *const compressions[] = { "yes", "no", "delayed", NULL };
static const char *const gateways[] = { "yes", "no", "clientspecified", NULL };
static const char *const forwards[] = { "yes", "no", "all", "local", "remote", NULL };
static const char *const rhosts[] = { "yes", "no", "shosts-only", NULL };
static const char *const tunnels[] = { "yes", "no", "point-to-point", "ethernet", NULL };
static const char *const levels[] = { "quiet", "fatal",	 "error",  "info",   "verbose",
				      "debug", "debug1", "debug2", "debug3", NULL };
static const char *const digests[] = { "md5",	 "sha1",      "sha256", "sha384",
				       "sha512", "ripemd160", NULL };

#define ALL   0
#define NEVER UINT16_MAX
/* name, kind, in Match since, known since */
#define ROW(name, kind, match, since)                   \
	{                                               \
		name, NULL, kind, match, since, 0, NULL \
	}
#define ALIAS(name, of, kind, match, since)           \
	{                                             \
		name, of, kind, match, since, 0, NULL \
	}
#define CHOICE(name, list, match, since)                       \
	{                                                      \
		name, NULL, SSHD_CHOICE, match, since, 0, list \
	}
#define GONE(name, match, gone)                            \
	{                                                  \
		name, NULL, SSHD_ANY, match, 0, gone, NULL \
	}

static const struct sshd_keyword keywords[] = {
	ROW("port", SSHD_PORT, NEVER, 0),
	ROW("listenaddress", SSHD_LISTEN, NEVER, 0),
	CHOICE("addressfamily", families, NEVER, 0),
	ROW("hostkey", SSHD_WORD, NEVER, 0),
	ALIAS("hostdsakey", "hostkey", SSHD_WORD, NEVER, 0),
	ROW("hostkeyagent", SSHD_WORD, NEVER, 603),
	ROW("hostcertificate", SSHD_WORD, NEVER, 504),
	ROW("hostkeyalgorithms", SSHD_KEYALGS, NEVER, 608),
	ROW("pidfile", SSHD_WORD, NEVER, 0),
	ROW("modulifile", SSHD_WORD, NEVER, 805),
	ROW("usepam", SSHD_FLAG, NEVER, 0),
	ROW("logingracetime", SSHD_TIME, NEVER, 0),
	CHOICE("permitrootlogin", root_login, ALL, 0),
	ROW("syslogfacility", SSHD_FACILITY, NEVER, 0),
	CHOICE("loglevel", levels, ALL, 0),
	ROW("logverbose", SSHD_LOGVERBOSE, ALL, 805),
	ROW("hostbasedauthentication", SSHD_FLAG, ALL, 0),
	ROW("hostbasedusesnamefrompacketonly", SSHD_FLAG, ALL, 0),
	ROW("hostbasedacceptedalgorithms", SSHD_KEYALGS, ALL, 805),
	ALIAS("hostbasedacceptedkeytypes", "hostbasedacceptedalgorithms", SSHD_KEYALGS, ALL, 608),
	ROW("pubkeyauthentication", SSHD_FLAG, ALL, 0),
	ALIAS("dsaauthentication", "pubkeyauthentication", SSHD_FLAG, NEVER, 0),
	ROW("pubkeyacceptedalgorithms", SSHD_KEYALGS, ALL, 805),
	ALIAS("pubkeyacceptedkeytypes", "pubkeyacceptedalgorithms", SSHD_KEYALGS, ALL, 608),
	ROW("pubkeyauthoptions", SSHD_PUBKEYOPTIONS, ALL, 802),
	ROW("casignaturealgorithms", SSHD_KEYALGS, ALL, 709),
	ROW("requiredrsasize", SSHD_INT, ALL, 901),
	ROW("securitykeyprovider", SSHD_WORD, NEVER, 802),
	ROW("kerberosauthentication", SSHD_FLAG, ALL, 0),
	ROW("kerberosorlocalpasswd", SSHD_FLAG, NEVER, 0),
	ROW("kerberosticketcleanup", SSHD_FLAG, NEVER, 0),
	ROW("kerberosgetafstoken", SSHD_ANY, NEVER, 0),
	ROW("gssapiauthentication", SSHD_FLAG, ALL, 0),
	ROW("gssapicleanupcredentials", SSHD_FLAG, NEVER, 0),
	ROW("gssapistrictacceptorcheck", SSHD_FLAG, NEVER, 0),
	ROW("gssapidelegatecredentials", SSHD_FLAG, ALL, 1000),
	ROW("passwordauthentication", SSHD_FLAG, ALL, 0),
	ROW("kbdinteractiveauthentication", SSHD_FLAG, ALL, 0),
	ALIAS("challengeresponseauthentication", "kbdinteractiveauthentication", SSHD_FLAG, 807, 0),
	ALIAS("skeyauthentication", "kbdinteractiveauthentication", SSHD_FLAG, 807, 0),
	ROW("printmotd", SSHD_FLAG, NEVER, 0),
	ROW("printlastlog", SSHD_FLAG, NEVER, 0),
	CHOICE("ignorerhosts", rhosts, 803, 0),
	ROW("ignoreuserknownhosts", SSHD_FLAG, NEVER, 0),
	ROW("x11forwarding", SSHD_FLAG, ALL, 0),
	ROW("x11displayoffset", SSHD_INT, ALL, 0),
	ROW("x11uselocalhost", SSHD_FLAG, ALL, 0),
	ROW("xauthlocation", SSHD_WORD, NEVER, 0),
	ROW("strictmodes", SSHD_FLAG, NEVER, 0),
	ROW("permitemptypasswords", SSHD_FLAG, ALL, 0),
	ROW("permituserenvironment", SSHD_WORD, NEVER, 0),
	CHOICE("compression", compressions, NEVER, 0),
	ROW("rekeylimit", SSHD_REKEY, ALL, 603),
	ROW("tcpkeepalive", SSHD_FLAG, NEVER, 0),
	ALIAS("keepalive", "tcpkeepalive", SSHD_FLAG, NEVER, 0),
	CHOICE("allowtcpforwarding", forwards, ALL, 0),
	ROW("allowagentforwarding", SSHD_FLAG, ALL, 501),
	CHOICE("allowstreamlocalforwarding", forwards, ALL, 607),
	ROW("disableforwarding", SSHD_FLAG, ALL, 704),
	ROW("allowusers", SSHD_USERS, ALL, 0),
	ROW("denyusers", SSHD_USERS, ALL, 0),
	ROW("allowgroups", SSHD_GROUPS, ALL, 0),
	ROW("denygroups", SSHD_GROUPS, ALL, 0),
	ROW("ciphers", SSHD_CIPHERS, NEVER, 0),
	ROW("macs", SSHD_MACS, NEVER, 0),
	ROW("kexalgorithms", SSHD_KEX, NEVER, 507),
	{ "protocol", NULL, SSHD_IGNORED, NEVER, 0, 0, NULL },
	CHOICE("gatewayports", gateways, ALL, 0),
	ROW("subsystem", SSHD_SUBSYSTEM, 905, 0),
	ROW("maxstartups", SSHD_MAXSTARTUPS, NEVER, 0),
	ROW("persourcemaxstartups", SSHD_INT_NONE, NEVER, 805),
	ROW("persourcenetblocksize", SSHD_NETBLOCK, NEVER, 805),
	ROW("persourcepenalties", SSHD_ANY, NEVER, 908),
	ROW("persourcepenaltyexemptlist", SSHD_ANY, NEVER, 908),
	ROW("maxauthtries", SSHD_INT, ALL, 0),
	ROW("maxsessions", SSHD_INT, ALL, 501),
	ROW("banner", SSHD_WORD, ALL, 0),
	ROW("usedns", SSHD_FLAG, NEVER, 0),
	ROW("clientaliveinterval", SSHD_TIME, ALL, 0),
	ROW("clientalivecountmax", SSHD_INT, ALL, 0),
	ROW("authorizedkeysfile", SSHD_WORDS, ALL, 0),
	ROW("authorizedkeyscommand", SSHD_COMMAND, ALL, 602),
	ROW("authorizedkeyscommanduser", SSHD_WORD, ALL, 602),
	ROW("authorizedprincipalsfile", SSHD_WORD, ALL, 506),
	ROW("authorizedprincipalscommand", SSHD_COMMAND, ALL, 609),
	ROW("authorizedprincipalscommanduser", SSHD_WORD, ALL, 609),
	ROW("trustedusercakeys", SSHD_WORD, ALL, 504),
	ROW("revokedkeys", SSHD_WORD, ALL, 504),
	ROW("authenticationmethods", SSHD_METHODS, ALL, 602),
	ROW("acceptenv", SSHD_ACCEPTENV, ALL, 0),
	ROW("setenv", SSHD_SETENV, ALL, 708),
	{ "permittunnel", NULL, SSHD_EXACT_CHOICE, ALL, 0, 0, tunnels },
	ROW("permittty", SSHD_FLAG, ALL, 604),
	ROW("permituserrc", SSHD_FLAG, ALL, 607),
	ROW("match", SSHD_MATCH, ALL, 0),
	ROW("include", SSHD_INCLUDE, ALL, 802),
	ROW("permitopen", SSHD_PERMITOPEN, ALL, 0),
	ROW("permitlisten", SSHD_PERMITOPEN, ALL, 708),
	ROW("forcecommand", SSHD_REST, ALL, 0),
	ROW("chrootdirectory", SSHD_WORD, ALL, 0),
	ROW("ipqos", SSHD_IPQOS, ALL, 507),
	ROW("versionaddendum", SSHD_REST, NEVER, 601),
	ROW("streamlocalbindmask", SSHD_MASK, ALL, 607),
	ROW("streamlocalbindunlink", SSHD_FLAG, ALL, 607),
	CHOICE("fingerprinthash", digests, NEVER, 608),
	ROW("exposeauthinfo", SSHD_FLAG, ALL, 706),
	ROW("rdomain", SSHD_RDOMAIN, ALL, 707),
	ROW("channeltimeout", SSHD_CHANNELS, ALL, 902),
	ROW("unusedconnectiontimeout", SSHD_TIME_NONE, ALL, 902),
	ROW("refuseconnection", SSHD_FLAG, ALL, 909),
	ROW("sshdsessionpath", SSHD_WORD, NEVER, 908),
	ROW("sshdauthpath", SSHD_WORD, NEVER, 909),

	GONE("pamauthenticationviakbdint", NEVER, 306),
	GONE("serverkeybits", NEVER, 706),
	GONE("keyregenerationinterval", NEVER, 706),
	GONE("rhostsauthentication", NEVER, 306),
	GONE("rhostsrsaauthentication", ALL, 706),
	GONE("rsaauthentication", ALL, 706),
	GONE("checkmail", NEVER, 306),
	GONE("uselogin", NEVER, 704),
	GONE("useprivilegeseparation", NEVER, 705),
	GONE("verifyreversemapping", NEVER, 306),
	GONE("reversemappingcheck", NEVER, 306),
	GONE("authorizedkeysfile2", ALL, 509),
	GONE("kerberostgtpassing", NEVER, 306),
	GONE("afstokenpassing", NEVER, 306),

	/* Patches that distributions carry. */
	ROW("gssapikeyexchange", SSHD_FLAG, NEVER, SSHD_VENDOR),
	ROW("gssapistorecredentialsonrekey", SSHD_FLAG, NEVER, SSHD_VENDOR),
	ROW("gssapikexalgorithms", SSHD_ANY, NEVER, SSHD_VENDOR),
	ROW("gssapicleanupcreds", SSHD_FLAG, NEVER, SSHD_VENDOR),
	ROW("gssusesessionccache", SSHD_ANY, NEVER, SSHD_VENDOR),
	ROW("gssapiusesessioncredcache", SSHD_ANY, NEVER, SSHD_VENDOR),
	ROW("gssapienablek5users", SSHD_ANY, ALL, SSHD_VENDOR),
	ROW("gssapiindicators", SSHD_ANY, ALL, SSHD_VENDOR),
	ROW("kerberosusekuserok", SSHD_ANY, ALL, SSHD_VENDOR),
	ROW("kerberosuniqueccache", SSHD_ANY, NEVER, SSHD_VENDOR),
	ROW("permitblacklistedkeys", SSHD_ANY, NEVER, SSHD_VENDOR),
	ROW("debianbanner", SSHD_FLAG, NEVER, SSHD_VENDOR),
};

const struct sshd_keyword *sshd_keyword_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
		if (!strcasecmp(keywords[i].name, name))
			return &keywords[i];
	return NULL;
}

const struct sshd_keyword *sshd_keyword_next(const struct sshd_keyword *keyword)
{
	keyword = keyword ? keyword + 1 : keywords;
	return keyword < keywords + ARRAY_LEN(keywords) ? keyword : NULL;
}

const char *sshd_keyword_key(const struct sshd_keyword *keyword)
{
	return keyword->alias ? keyword->alias : keyword->name;
}

//! From a `Refusal` to this plane's wire: NXDOMAIN + SOA + Extended DNS Error 15 ("Blocked",
//! RFC 8914) with control and receipt as extra text. The one file that does so. Next: `body`.

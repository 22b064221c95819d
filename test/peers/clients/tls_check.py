"""Gets one https URL, trusting one CA file, by the library's default checks and by its strict ones."""

import ssl
import sys
import urllib.request

ca_file, url = sys.argv[1:]
for flags in (ssl.VerifyFlags(0), ssl.VERIFY_X509_STRICT):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cafile=ca_file)
    context.verify_flags |= flags
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    with opener.open(url, timeout=10) as response:
        print(response.status)

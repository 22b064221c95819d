/** A bearer assertion as vCenter writes it, unsigned: here only its bytes count. */
export function bearerAssertion(subject = "Administrator@VSPHERE.LOCAL"): string {
  const time = (ms: number): string => new Date(Date.now() + ms).toISOString();
  const end = time(300_000);
  return (
    '<saml2:Assertion xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion" ' +
    'xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ' +
    `ID="_0a1b2c3d-0000-4000-8000-000000000001" IssueInstant="${time(0)}" Version="2.0">` +
    '<saml2:Issuer Format="urn:oasis:names:tc:SAML:2.0:nameid-format:entity">' +
    "https://vc01.corp.example/websso/SAML2/Metadata/vsphere.local</saml2:Issuer><saml2:Subject>" +
    `<saml2:NameID Format="http://schemas.xmlsoap.org/claims/UPN">${subject}</saml2:NameID>` +
    '<saml2:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">' +
    `<saml2:SubjectConfirmationData NotOnOrAfter="${end}"/></saml2:SubjectConfirmation></saml2:Subject>` +
    `<saml2:Conditions NotBefore="${time(0)}" NotOnOrAfter="${end}"><saml2:ProxyRestriction Count="0"/>` +
    `</saml2:Conditions><saml2:AuthnStatement AuthnInstant="${time(0)}"><saml2:AuthnContext>` +
    "<saml2:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport" +
    "</saml2:AuthnContextClassRef></saml2:AuthnContext></saml2:AuthnStatement></saml2:Assertion>"
  );
}

import java.io.ByteArrayInputStream;
import java.io.FileInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.PublicKey;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.List;
import javax.xml.crypto.KeySelector;
import javax.xml.crypto.dsig.Reference;
import javax.xml.crypto.dsig.XMLSignature;
import javax.xml.crypto.dsig.XMLSignatureFactory;
import javax.xml.crypto.dsig.dom.DOMValidateContext;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Attr;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NamedNodeMap;
import org.w3c.dom.NodeList;

/**
 * Checks the XML signature that is a child of a named element, with the key of a certificate.
 *
 * <pre>XmlSignature verify FILE CERTIFICATE PARENT [ROUNDS]</pre>
 *
 * PARENT is the local name of the element that holds the signature: Security of a message, Assertion. Prints what
 * was signed, each reference with the name of its element, or why it is not valid. With ROUNDS it parses and checks
 * that often and prints the rate per second, after as many rounds that are not timed.
 */
public class XmlSignature {
    private static final String WSU =
        "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";

    public static void main(String[] args) throws Exception {
        byte[] text = Files.readAllBytes(Path.of(args[1]));
        PublicKey key;
        try (FileInputStream pem = new FileInputStream(args[2])) {
            key = CertificateFactory.getInstance("X.509").generateCertificate(pem).getPublicKey();
        }
        List<String> signed = new ArrayList<>();
        if (!verify(text, key, args[3], signed)) {
            System.out.println("not valid");
            System.exit(1);
        }
        if (args.length < 5) {
            System.out.println(String.join(" ", signed));
            return;
        }
        int rounds = Integer.parseInt(args[4]);
        time(rounds, text, key, args[3]);
        double seconds = time(rounds, text, key, args[3]);
        System.out.printf(java.util.Locale.ROOT, "%.1f%n", rounds / seconds);
    }

    private static double time(int rounds, byte[] text, PublicKey key, String parent) throws Exception {
        long start = System.nanoTime();
        for (int i = 0; i < rounds; i++) {
            if (!verify(text, key, parent, new ArrayList<>())) throw new IllegalStateException("not valid");
        }
        return (System.nanoTime() - start) / 1e9;
    }

    private static boolean verify(byte[] text, PublicKey key, String parent, List<String> signed) throws Exception {
        DocumentBuilderFactory builders = DocumentBuilderFactory.newInstance();
        builders.setNamespaceAware(true);
        builders.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
        Document document = builders.newDocumentBuilder().parse(new ByteArrayInputStream(text));
        registerIds(document.getDocumentElement());

        DOMValidateContext context = new DOMValidateContext(KeySelector.singletonKeySelector(key), signature(document, parent));
        context.setProperty("org.jcp.xml.dsig.secureValidation", true);
        XMLSignature signature = XMLSignatureFactory.getInstance("DOM").unmarshalXMLSignature(context);
        if (!signature.validate(context)) return false;
        for (Object each : signature.getSignedInfo().getReferences()) {
            signed.add(document.getElementById(((Reference) each).getURI().substring(1)).getLocalName());
        }
        return true;
    }

    private static Element signature(Document document, String parent) {
        NodeList signatures = document.getElementsByTagNameNS(XMLSignature.XMLNS, "Signature");
        for (int i = 0; i < signatures.getLength(); i++) {
            Element candidate = (Element) signatures.item(i);
            if (candidate.getParentNode().getLocalName().equals(parent)) return candidate;
        }
        throw new IllegalArgumentException("no signature is a child of " + parent);
    }

    /** The attributes that WS-Security and SAML 2.0 refer to. */
    private static void registerIds(Element element) {
        NamedNodeMap attributes = element.getAttributes();
        for (int i = 0; i < attributes.getLength(); i++) {
            Attr attribute = (Attr) attributes.item(i);
            boolean ofMessage = WSU.equals(attribute.getNamespaceURI()) && "Id".equals(attribute.getLocalName());
            boolean ofAssertion = attribute.getNamespaceURI() == null && "ID".equals(attribute.getName());
            if (ofMessage || ofAssertion) element.setIdAttributeNode(attribute, true);
        }
        for (var child = element.getFirstChild(); child != null; child = child.getNextSibling()) {
            if (child instanceof Element) registerIds((Element) child);
        }
    }
}

"""Certificates for a test, made by openssl: an authority, and what it signs.

    authority = Authority(folder, "ca")
    server = authority.issue("server", "DNS:localhost")     # .certificate, .key, .pem (both in one file): paths
"""
import os
import subprocess


def openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr}")


class Certificate:
    def __init__(self, folder, name):
        self.certificate, self.key, self.pem = (os.path.join(folder, f"{name}.{kind}") for kind in ("crt", "key", "pem"))

    def join(self):
        """Key and certificate in one file, as Kafka wants them."""
        with open(self.pem, "w") as out:
            for path in (self.key, self.certificate):
                with open(path) as part:
                    out.write(part.read())
        return self


class Authority(Certificate):
    def __init__(self, folder, name):
        super().__init__(folder, name)
        self._folder = folder
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                "-keyout", self.key, "-out", self.certificate)

    def issue(self, name, alternative):
        """A key, and a certificate for the subject alternative name: DNS:localhost, IP:127.0.0.1."""
        issued = Certificate(self._folder, name)
        request, extensions = (os.path.join(self._folder, f"{name}.{kind}") for kind in ("csr", "ext"))
        with open(extensions, "w") as out:
            out.write(f"subjectAltName={alternative}\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout", issued.key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days", "2", "-extfile", extensions,
                "-out", issued.certificate)
        return issued.join()

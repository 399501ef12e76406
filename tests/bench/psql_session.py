"""One session of psql that is kept open: a question costs a round trip, not a process."""
import subprocess


class PsqlSession:
    def __init__(self, server, database):
        self.process = subprocess.Popen([server.psql, "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", server.url(database)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.stdin.close()
        self.process.wait()

    def ask(self, select):
        """The first column of the one row of a SELECT, as text."""
        self.process.stdin.write(select + ";\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"psql has ended: {select}")
        return answer.rstrip("\n")

"""A JSON file that carries the SHA-256 of its own bytes, so that one flipped byte of it is found.

    {
     …,
     "seal": "<SHA-256 of all bytes before this comma>"
    }

The seal is the last field, on a line of its own, as one space of indentation puts it. A file without a seal
is taken as it is: it was written before files were sealed.
"""

import hashlib

MARK, END = b',\n "seal": "', b'"\n}'


def sealed(content: bytes) -> bytes:
    r"""Add the seal to an object that was written with one space of indentation.

    >>> sealed(b'{\n "a": 1\n}')[:21]
    b'{\n "a": 1,\n "seal": "'
    """
    body = content.removesuffix(b"\n}")
    return body + MARK + hashlib.sha256(body).hexdigest().encode() + END


def unsealed(content: bytes) -> bytes:
    r"""Take the seal off again.

    A damaged field name is none of this function's business: a reader that forbids unknown fields refuses it.

    Raises:
        ValueError: the bytes are not those that were sealed.

    >>> unsealed(sealed(b'{\n "a": 1\n}'))
    b'{\n "a": 1\n}'
    """
    body, mark, _ = content.rpartition(MARK)
    if not mark:
        return content
    plain = body + b"\n}"
    if sealed(plain) != content:
        msg = "found other bytes than those that were sealed; expected them unchanged. Make the file anew."
        raise ValueError(msg)
    return plain

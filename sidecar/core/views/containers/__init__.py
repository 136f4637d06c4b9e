"""Views of what is packed: archives, compressed members, office documents, PDF.

What belongs here: pure streaming openers, one module each, that go by what stands in front of each part and never need the
end of a file.  What never does: content codings of HTTP, which a header declares (`core.decode.content`).
"""

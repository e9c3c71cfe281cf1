"""Other people's archive files, whoever wrote them: WARC, ARC and WACZ, read leniently and within limits."""

"""Which method picks the best prompt?"""

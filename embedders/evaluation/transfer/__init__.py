"""Which method ranks the sources of measured transfers best?"""

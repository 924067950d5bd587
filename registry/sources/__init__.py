"""Which task should one start from?"""

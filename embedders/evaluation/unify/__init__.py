"""Do models land by the tasks that they were made from?"""

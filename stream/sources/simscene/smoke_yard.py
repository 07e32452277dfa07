from stream.sources.simscene.scene import Scene


class SmokeYard(Scene):
    pass
